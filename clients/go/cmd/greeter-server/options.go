package main

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"lbstudy/clients/internal/flags"
)

// notApplied is an option of the setting that grpc-go does not have, or not as it is meant.
type notApplied struct{ option, why string }

// mapping turns server arguments of the C core into what grpc-go has for them.
type mapping struct {
	options     []grpc.ServerOption
	notApplied  []notApplied
	keepalive   keepalive.ServerParameters
	enforcement keepalive.EnforcementPolicy
}

func mapArgs(args []flags.Arg) mapping {
	var m mapping
	for _, arg := range args {
		apply, known := serverOptions[arg.Key]
		if !known {
			m.refuse(arg.Key, "grpc-go has nothing that does this")
			continue
		}
		value, err := arg.Int()
		if err != nil {
			m.refuse(arg.Key, err.Error())
			continue
		}
		apply(&m, arg.Key, value)
	}
	m.options = append(m.options,
		grpc.KeepaliveParams(m.keepalive), grpc.KeepaliveEnforcementPolicy(m.enforcement))
	return m
}

var serverOptions = map[string]func(m *mapping, key string, value int64){
	"grpc.max_connection_age_ms": func(m *mapping, _ string, value int64) {
		m.keepalive.MaxConnectionAge = milliseconds(value)
	},
	"grpc.max_connection_age_grace_ms": func(m *mapping, _ string, value int64) {
		m.keepalive.MaxConnectionAgeGrace = milliseconds(value)
	},
	"grpc.max_connection_idle_ms": func(m *mapping, _ string, value int64) {
		m.keepalive.MaxConnectionIdle = milliseconds(value)
	},
	"grpc.keepalive_time_ms": func(m *mapping, key string, value int64) {
		m.keepalive.Time = milliseconds(value)
		if value < 1000 {
			m.refuse(key, "grpc-go's servers ping every second at most often: it became 1 s")
		}
	},
	"grpc.keepalive_timeout_ms": func(m *mapping, _ string, value int64) {
		m.keepalive.Timeout = milliseconds(value)
	},
	"grpc.http2.min_ping_interval_without_data_ms": func(m *mapping, _ string, value int64) {
		m.enforcement.MinTime = milliseconds(value)
	},
	"grpc.keepalive_permit_without_calls": func(m *mapping, _ string, value int64) {
		m.enforcement.PermitWithoutStream = value != 0
	},
	"grpc.http2.max_ping_strikes": func(m *mapping, key string, value int64) {
		if value != 2 {
			m.refuse(key, "grpc-go forgives two pings that come too soon, and no other number")
		}
	},
	"grpc.max_concurrent_streams": func(m *mapping, _ string, value int64) {
		m.options = append(m.options, grpc.MaxConcurrentStreams(uint32(value)))
	},
	"grpc.so_reuseport": func(m *mapping, key string, value int64) {
		if value != 0 {
			m.refuse(key, "this server never shares its address")
		}
	},
}

func (m *mapping) refuse(option, why string) {
	m.notApplied = append(m.notApplied, notApplied{option, why})
}

func milliseconds(value int64) time.Duration { return time.Duration(value) * time.Millisecond }
