// greeter-server answers greetings after a constant time: greeter.server in Go, without its faults.
package main

import (
	"context"
	"flag"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"lbstudy/clients/internal/event"
	"lbstudy/clients/internal/flags"
	greeterv1 "lbstudy/clients/internal/greeterv1"
	"lbstudy/clients/internal/telemetry"
)

const program = "greeter-server"

type arguments struct {
	address                     flags.Address
	work, drainWait, drainGrace flags.NotNegative
	channelArgs                 flags.Args
}

func main() {
	// From the first moment on: a server that is ended while it starts ends in order, too.
	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	args := parse(os.Args[1:])
	shutdown, traced, err := telemetry.Start(context.Background())
	if err != nil {
		flags.Fail(program, 1, err.Error())
	}
	defer shutdown(5 * time.Second) // whoever told it to end waits for no more

	listener, err := net.Listen("tcp", string(args.address))
	if err != nil {
		flags.Fail(program, 1, err.Error())
	}
	server, greeter, ready := assemble(args, traced)
	go func() { _ = server.Serve(listener) }()
	setServing(ready)
	event.Emit("serving", event.Fields{"address": listener.Addr().String()})
	<-terminated.Done()
	drain(server, ready, flags.Seconds(float64(args.drainWait)), flags.Seconds(float64(args.drainGrace)))
	event.Emit("stopped", event.Fields{"answered": greeter.counts()})
}

func assemble(args arguments, traced bool) (*grpc.Server, *greeter, *health.Server) {
	mapped := mapArgs(args.channelArgs)
	for _, one := range mapped.notApplied {
		event.OptionNotApplied(one.option, one.why)
	}
	options := append(mapped.options, grpc.WaitForHandlers(true)) // what they count belongs to the count
	if traced {
		options = append(options, grpc.StatsHandler(otelgrpc.NewServerHandler()))
	}
	server := grpc.NewServer(options...)
	greeter := newGreeter(podName(), flags.Seconds(float64(args.work)))
	greeterv1.RegisterGreeterServiceServer(server, greeter)
	ready := health.NewServer()
	healthpb.RegisterHealthServer(server, ready)
	reflection.Register(server)
	return server, greeter, ready
}

func setServing(ready *health.Server) {
	for _, service := range []string{"", greeterv1.GreeterService_ServiceDesc.ServiceName} {
		ready.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	}
}

// drain says NOT_SERVING at once, serves on for the wait, sends GOAWAY, and leaves open RPCs the grace.
func drain(server *grpc.Server, ready *health.Server, wait, grace time.Duration) {
	event.Emit("draining", nil)
	ready.Shutdown()
	time.Sleep(wait)
	cut := time.AfterFunc(grace, server.Stop)
	defer cut.Stop()
	server.GracefulStop()
}

func podName() string {
	if name := os.Getenv("POD_NAME"); name != "" {
		return name
	}
	name, _ := os.Hostname()
	return name
}

func parse(words []string) arguments {
	args := arguments{address: "127.0.0.1:50051", work: 0.02, drainGrace: 5}
	set := flag.NewFlagSet(program, flag.ContinueOnError)
	set.Var(&args.address, "address", "IP:PORT")
	set.Var(&args.work, "work", "seconds for an answer")
	set.Var(&args.drainWait, "drain-wait", "seconds from NOT_SERVING to GOAWAY")
	set.Var(&args.drainGrace, "drain-grace", "seconds for RPCs in flight")
	set.Var(&args.channelArgs, "channel-arg", "KEY=VALUE, a server argument of gRPC's C core; repeatable")
	flags.Parse(set, words)
	return args
}
