package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	greeterv1 "lbstudy/clients/internal/greeterv1"
)

// greeter answers each RPC after a constant time with the pod's name, and counts how RPCs ended: OK, or
// CANCELLED where one ended before its answer.
type greeter struct {
	greeterv1.UnimplementedGreeterServiceServer
	podName string
	work    time.Duration

	mutex    sync.Mutex
	answered map[string]int // status code → RPCs
}

func newGreeter(podName string, work time.Duration) *greeter {
	return &greeter{podName: podName, work: work, answered: map[string]int{}}
}

// SayHello says hello after the constant time.
func (g *greeter) SayHello(ctx context.Context, request *greeterv1.SayHelloRequest) (*greeterv1.SayHelloResponse, error) {
	if g.work > 0 {
		select {
		case <-time.After(g.work):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		g.count("CANCELLED")
		return nil, status.FromContextError(err).Err()
	}
	g.count("OK")
	return &greeterv1.SayHelloResponse{Message: "Hello, " + request.GetName() + "!", PodName: g.podName}, nil
}

func (g *greeter) count(code string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.answered[code]++
}

// counts is a copy of what was counted.
func (g *greeter) counts() map[string]int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return maps.Clone(g.answered)
}
