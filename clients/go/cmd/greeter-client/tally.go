package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// tally counts RPCs: scheduled = sent + not sent; sent = answered, by status code, once none is in flight.
type tally struct {
	mutex    sync.Mutex
	notSent  int
	byCode   map[string]int
	byServer map[string]int // answers with OK, by pod name
	lateness []float64      // s, sent − scheduled; one an RPC sent
}

// report is the tally as it is printed.
type report struct {
	Scheduled    int            `json:"scheduled"`
	Sent         int            `json:"sent"`
	NotSent      int            `json:"not_sent"`
	ByCode       map[string]int `json:"by_code"`
	ByServer     map[string]int `json:"by_server"`
	OfferedRate  float64        `json:"offered_rate"`
	AchievedRate float64        `json:"achieved_rate"`
	LatenessP50  float64        `json:"lateness_p50"`
	LatenessP99  float64        `json:"lateness_p99"`
	LatenessMax  float64        `json:"lateness_max"`
}

func newTally() *tally {
	return &tally{byCode: map[string]int{}, byServer: map[string]int{}}
}

func (t *tally) sent(late time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.lateness = append(t.lateness, max(0, late.Seconds()))
}

func (t *tally) skipped() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.notSent++
}

// answered counts an RPC that has ended; server is empty unless the code is OK.
func (t *tally) answered(code, server string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.byCode[code]++
	if code == "OK" {
		t.byServer[server]++
	}
}

// report sums up, once no RPC is in flight; counts become rates by the time that the schedule ran.
func (t *tally) report(elapsed time.Duration) report {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	slices.Sort(t.lateness)
	sent := len(t.lateness)
	result := report{
		Scheduled:   sent + t.notSent,
		Sent:        sent,
		NotSent:     t.notSent,
		ByCode:      t.byCode,
		ByServer:    t.byServer,
		LatenessP50: quantile(t.lateness, 0.5),
		LatenessP99: quantile(t.lateness, 0.99),
		LatenessMax: quantile(t.lateness, 1),
	}
	if seconds := elapsed.Seconds(); seconds > 0 {
		result.OfferedRate = float64(result.Scheduled) / seconds
		result.AchievedRate = float64(sent) / seconds
	}
	return result
}

// quantile is the nearest-rank quantile, 0 < q ≤ 1, of sorted values; 0 of none.
func quantile(ascending []float64, q float64) float64 {
	if len(ascending) == 0 {
		return 0
	}
	return ascending[max(0, int(math.Ceil(q*float64(len(ascending))))-1)]
}
