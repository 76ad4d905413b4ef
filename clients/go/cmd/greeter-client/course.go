package main

import (
	"errors"
	"math"
	"sort"
	"strconv"
	"strings"
)

// ratePoint is the rate at an instant; between two points it is linear, and two at one instant make a step.
type ratePoint struct{ at, rate float64 }

// course is a rate that changes, from the load's start on; after the last point it stays. It is the flag
// --rates: AT:RATE,AT:RATE….
type course struct {
	points []ratePoint
	due    []float64 // RPCs due until each point: the integral of the rate
}

func (c *course) String() string { return "" }

// Set reads the points: in order of time, the first one at 0.
func (c *course) Set(text string) error {
	made := course{}
	for _, part := range strings.Split(text, ",") {
		left, right, _ := strings.Cut(part, ":")
		at, err := strconv.ParseFloat(left, 64)
		rate, err2 := strconv.ParseFloat(right, 64)
		if err != nil || err2 != nil || math.IsInf(at, 0) || math.IsInf(rate, 0) || !(at >= 0) || !(rate >= 0) {
			return errors.New("not AT:RATE,AT:RATE… of finite numbers of at least 0")
		}
		total := 0.0
		if last := len(made.points) - 1; last >= 0 {
			before := made.points[last]
			if at < before.at {
				return errors.New("points not in order of time")
			}
			total = made.due[last] + (at-before.at)*(before.rate+rate)/2
		} else if at != 0 {
			return errors.New("no first point at 0")
		}
		made.points, made.due = append(made.points, ratePoint{at, rate}), append(made.due, total)
	}
	*c = made
	return nil
}

// rpcs is how many RPCs are due before an instant.
func (c *course) rpcs(at float64) float64 {
	index := max(0, sort.Search(len(c.points), func(i int) bool { return c.points[i].at > at })-1)
	since := max(0, at-c.points[index].at)
	return c.due[index] + since*(c.points[index].rate+c.slope(index)*since/2)
}

// instant is the first instant before which so many RPCs are due; infinity for never.
func (c *course) instant(rpcs float64) float64 {
	index := max(0, sort.Search(len(c.due), func(i int) bool { return c.due[i] > rpcs })-1)
	for index > 0 && c.due[index] == rpcs && c.due[index-1] == rpcs {
		index-- // nothing is due for a while: its beginning is the first instant
	}
	start, left := c.points[index], rpcs-c.due[index]
	if left <= 0 {
		return start.at
	}
	// rate × t + slope × t² / 2 = left, in the form that neither divides by a slope of 0 nor cancels.
	root := math.Sqrt(max(0, start.rate*start.rate+2*c.slope(index)*left))
	if start.rate+root <= 0 {
		return math.Inf(1)
	}
	return start.at + 2*left/(start.rate+root)
}

func (c *course) slope(index int) float64 {
	if index+1 == len(c.points) {
		return 0
	}
	from, to := c.points[index], c.points[index+1]
	if to.at <= from.at {
		return 0
	}
	return (to.rate - from.rate) / (to.at - from.at)
}
