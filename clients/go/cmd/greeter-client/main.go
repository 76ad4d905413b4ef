// greeter-client sends greetings on a schedule, whatever the answers do: greeter.client in Go.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/balancer/weightedroundrobin" // policies register themselves
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/xds" // xds:///, and the policies outlier_detection and least_request

	"lbstudy/clients/internal/event"
	"lbstudy/clients/internal/flags"
	"lbstudy/clients/internal/telemetry"
)

const (
	program    = "greeter-client"
	roundRobin = `{"loadBalancingConfig":[{"round_robin":{}}]}`
)

type arguments struct {
	target                          string
	clients, maxInFlight            flags.Count
	rate, timeout, duration, latest flags.Positive
	rates                           course
	startAt                         flags.NotNegative
	seed                            int64
	serviceConfig                   flags.Object
	check                           bool
	channelArgs                     flags.Args
}

func main() {
	args := parse(os.Args[1:])
	if args.check {
		args.clients = 1
		for _, channel := range open(args, false) {
			_ = channel.Close()
		}
		return
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	shutdown, traced, err := telemetry.Start(context.Background())
	if err != nil {
		flags.Fail(program, 1, err.Error())
	}
	defer shutdown(30 * time.Second) // at thousands of RPC/s, a queue is left to send

	channels := open(args, traced)
	event.Emit("started", event.Fields{
		"target": args.target, "clients": len(channels), "start_at": float64(args.startAt),
	})
	plan := schedule{len(channels), float64(args.rate), float64(args.duration), args.seed, nil}
	if len(args.rates.points) > 0 {
		plan.course = &args.rates
	}
	load := newLoad(channels, limits{
		timeout:     flags.Seconds(float64(args.timeout)),
		maxInFlight: int64(args.maxInFlight),
		maxLateness: flags.Seconds(float64(args.latest)),
	})
	elapsed := load.run(stopped, plan, float64(args.startAt))
	event.Emit("finished", event.Fields{"tally": load.tally.report(elapsed)})
	for _, channel := range channels {
		_ = channel.Close()
	}
}

// open makes a channel a client and has it connect; a setting that grpc-go refuses ends the program.
func open(args arguments, traced bool) []*grpc.ClientConn {
	mapped := mapArgs(args.channelArgs)
	mapped.install()
	for _, one := range mapped.notApplied {
		event.OptionNotApplied(one.option, one.why)
	}
	options := append(mapped.options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(args.serviceConfig)))
	if traced {
		options = append(options, grpc.WithStatsHandler(otelgrpc.NewClientHandler()))
	}
	var channels []*grpc.ClientConn
	for range int(args.clients) {
		channel, err := grpc.NewClient(args.target, options...)
		if err != nil {
			flags.Fail(program, 2, err.Error())
		}
		channel.Connect()
		channels = append(channels, channel)
	}
	return channels
}

func parse(words []string) arguments {
	args := arguments{
		clients: 1, maxInFlight: 1000, rate: 10, timeout: 5, duration: 10, latest: 1,
		startAt:       flags.NotNegative(float64(time.Now().UnixNano()) / 1e9),
		serviceConfig: roundRobin,
	}
	set := flag.NewFlagSet(program, flag.ContinueOnError)
	set.StringVar(&args.target, "target", "", "dns://AUTHORITY/NAME:PORT, or another gRPC target")
	set.Var(&args.clients, "clients", "channels, each a client of its own")
	set.Var(&args.rate, "rate", "RPC/s of each client")
	set.Var(&args.rates, "rates", "AT:RATE,AT:RATE…: each client's rate where it changes, linear between the points")
	set.Var(&args.timeout, "timeout", "an RPC's deadline in seconds")
	set.Var(&args.startAt, "start-at", "seconds since the epoch")
	set.Var(&args.duration, "duration", "seconds of load")
	set.Int64Var(&args.seed, "seed", 0, "decides the clients' phases")
	set.Var(&args.maxInFlight, "max-in-flight", "RPCs of one client")
	set.Var(&args.latest, "max-lateness", "seconds; an RPC that is due for longer is not sent")
	set.Var(&args.serviceConfig, "service-config", "gRPC service config")
	set.Var(&args.channelArgs, "channel-arg", "KEY=VALUE, a channel argument of gRPC's C core; repeatable")
	set.BoolVar(&args.check, "check", false, "open one channel and end: status 2 when grpc-go refuses it")
	flags.Parse(set, words)
	if args.target == "" {
		flags.Fail(program, 2, "the following arguments are required: --target")
	}
	return args
}
