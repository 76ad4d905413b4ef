package main

import (
	"iter"
	"math"
	"math/rand/v2"
)

// due is an RPC of the schedule.
type due struct {
	at     float64 // s after the load's start
	client int
}

// schedule says when each RPC is due, whatever the answers do: RPC k of client c is due (k + phase(c)) / rate
// seconds after the start, while that is before the end; where the rate changes, when the integral of the rate
// has come to k + phase(c). Phases lie in [0, 1), spread evenly over the clients
// but for a random part that the seed decides.
type schedule struct {
	clients  int
	rate     float64 // RPC/s of each client
	duration float64 // s
	seed     int64
	course   *course // of each client's rate, in place of rate; nil: it does not change
}

func (s schedule) phases() []float64 {
	chance := rand.New(rand.NewPCG(uint64(s.seed), 0))
	phases := make([]float64, s.clients)
	for client := range phases {
		phases[client] = (float64(client) + chance.Float64()) / float64(s.clients)
	}
	return phases
}

// all yields every RPC in order of time: phases ascend and lie within one interval.
func (s schedule) all() iter.Seq[due] {
	phases := s.phases()
	return func(yield func(due) bool) {
		for number := 0; ; number++ {
			some := false
			for client, phase := range phases {
				if number >= s.count(phase) {
					continue
				}
				some = true
				if !yield(due{s.at(float64(number) + phase), client}) {
					return
				}
			}
			if !some {
				return
			}
		}
	}
}

// count is rounded, so that 0.1 s at 30 RPC/s are three RPCs and not, by a floating-point hair, four.
func (s schedule) count(phase float64) int {
	due := s.duration * s.rate
	if s.course != nil {
		due = s.course.rpcs(s.duration)
	}
	exact := math.Round((due-phase)*1e9) / 1e9
	return max(0, int(math.Ceil(exact)))
}

func (s schedule) at(rpcs float64) float64 {
	if s.course != nil {
		return s.course.instant(rpcs)
	}
	return rpcs / s.rate
}
