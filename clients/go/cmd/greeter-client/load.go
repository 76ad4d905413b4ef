package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greeterv1 "lbstudy/clients/internal/greeterv1"
)

// scheduledMetadata names the instant at which an RPC was due, in nanoseconds since the Unix epoch.
const scheduledMetadata = "x-scheduled-unix-nano"

// limits bound the load.
type limits struct {
	timeout     time.Duration // an RPC's deadline
	maxInFlight int64         // RPCs of one client
	maxLateness time.Duration // an RPC that could only be sent later is not sent at all
}

// load runs a schedule over channels, one a client.
type load struct {
	stubs    []greeterv1.GreeterServiceClient
	inFlight []atomic.Int64
	limits   limits
	tally    *tally
	open     sync.WaitGroup
}

func newLoad(channels []*grpc.ClientConn, limits limits) *load {
	l := &load{inFlight: make([]atomic.Int64, len(channels)), limits: limits, tally: newTally()}
	for _, channel := range channels {
		l.stubs = append(l.stubs, greeterv1.NewGreeterServiceClient(channel))
	}
	return l
}

// run sends until the schedule's end, or until it is stopped, then waits for what is in flight: each RPC has
// its deadline. It returns for how long the schedule ran.
func (l *load) run(stopped context.Context, plan schedule, startAt float64) time.Duration {
	// The wall clock is read once; zero is on the monotonic clock, which no step of the wall clock moves.
	now := time.Now()
	startNano := int64(startAt * 1e9)
	zero := now.Add(time.Duration(startNano - now.UnixNano()))
	duration := time.Duration(plan.duration * float64(time.Second))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for next := range plan.all() {
		offset := time.Duration(next.at * float64(time.Second))
		if !sleepUntil(stopped, timer, zero.Add(offset)) {
			break
		}
		l.send(next.client, zero.Add(offset), startNano+int64(offset))
	}
	sleepUntil(stopped, timer, zero.Add(duration))
	elapsed := min(duration, max(0, time.Since(zero)))
	l.open.Wait()
	return elapsed
}

func (l *load) send(client int, at time.Time, dueUnixNano int64) {
	late := time.Since(at)
	if late > l.limits.maxLateness || l.inFlight[client].Load() >= l.limits.maxInFlight {
		l.tally.skipped()
		return
	}
	l.tally.sent(late)
	l.inFlight[client].Add(1)
	l.open.Go(func() {
		defer l.inFlight[client].Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), l.limits.timeout)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, scheduledMetadata, strconv.FormatInt(dueUnixNano, 10))
		response, err := l.stubs[client].SayHello(ctx, &greeterv1.SayHelloRequest{Name: fmt.Sprintf("client-%d", client)})
		l.tally.answered(code.Code_name[int32(status.Code(err))], response.GetPodName())
	})
}

// sleepUntil returns false when it was stopped before.
func sleepUntil(stopped context.Context, timer *time.Timer, at time.Time) bool {
	if stopped.Err() != nil {
		return false
	}
	wait := time.Until(at)
	if wait <= 0 {
		return true
	}
	timer.Reset(wait)
	select {
	case <-timer.C:
		return true
	case <-stopped.Done():
		return false
	}
}
