package main

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver/dns"

	"lbstudy/clients/internal/flags"
)

// leastKeepalive is grpc-go's own: it raises what is shorter.
const leastKeepalive = 10 * time.Second

// notApplied is an option of the setting that grpc-go does not have, or not as it is meant.
type notApplied struct{ option, why string }

// mapping turns channel arguments of the C core into what grpc-go has for them.
type mapping struct {
	options    []grpc.DialOption
	notApplied []notApplied
	interval   time.Duration // between DNS look-ups, of the whole process; 0: as it is

	keepalive   keepalive.ClientParameters
	pingTimeout time.Duration
	connect     grpc.ConnectParams
	backsOff    bool // connect has a value of the setting
}

// mapArgs maps each argument; what is not applied is in the result.
func mapArgs(args []flags.Arg) mapping {
	m := mapping{connect: grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 20 * time.Second}}
	for _, arg := range args {
		m.apply(arg)
	}
	m.finish()
	return m
}

// install does what concerns the whole process.
func (m *mapping) install() {
	if m.interval > 0 {
		dns.SetMinResolutionInterval(m.interval)
	}
}

func (m *mapping) apply(arg flags.Arg) {
	if text, known := textOptions[arg.Key]; known {
		m.options = append(m.options, text(arg.Value))
		return
	}
	number, known := numberOptions[arg.Key]
	if !known {
		m.refuse(arg.Key, "grpc-go has nothing that does this")
		return
	}
	value, err := arg.Int()
	if err != nil {
		m.refuse(arg.Key, err.Error())
		return
	}
	number(m, arg.Key, value)
}

var textOptions = map[string]func(string) grpc.DialOption{
	"grpc.default_authority":  grpc.WithAuthority,
	"grpc.primary_user_agent": grpc.WithUserAgent,
}

var numberOptions = map[string]func(m *mapping, key string, value int64){
	"grpc.dns_min_time_between_resolutions_ms": func(m *mapping, _ string, value int64) {
		m.interval = max(milliseconds(value), time.Nanosecond) // none is not said by 0
	},
	"grpc.keepalive_time_ms": func(m *mapping, key string, value int64) {
		m.keepalive.Time = milliseconds(value)
		if m.keepalive.Time < leastKeepalive {
			m.refuse(key, fmt.Sprintf("grpc-go pings every 10 s at most often: %d ms became 10 s", value))
		}
	},
	"grpc.keepalive_timeout_ms": func(m *mapping, _ string, value int64) {
		m.keepalive.Timeout = milliseconds(value)
	},
	"grpc.http2.ping_timeout_ms": func(m *mapping, _ string, value int64) {
		m.pingTimeout = milliseconds(value)
	},
	"grpc.keepalive_permit_without_calls": func(m *mapping, _ string, value int64) {
		m.keepalive.PermitWithoutStream = value != 0
	},
	"grpc.http2.max_pings_without_data": func(m *mapping, key string, value int64) {
		if value != 0 {
			m.refuse(key, "grpc-go has no limit to pings without data, as 0 says")
		}
	},
	"grpc.initial_reconnect_backoff_ms": func(m *mapping, _ string, value int64) {
		m.connect.Backoff.BaseDelay, m.backsOff = milliseconds(value), true
	},
	"grpc.max_reconnect_backoff_ms": func(m *mapping, _ string, value int64) {
		m.connect.Backoff.MaxDelay, m.backsOff = milliseconds(value), true
	},
	"grpc.min_reconnect_backoff_ms": func(m *mapping, _ string, value int64) {
		m.connect.MinConnectTimeout, m.backsOff = milliseconds(value), true
	},
	"grpc.client_idle_timeout_ms": func(m *mapping, _ string, value int64) {
		m.add(grpc.WithIdleTimeout(milliseconds(value)))
	},
	"grpc.enable_retries": func(m *mapping, _ string, value int64) {
		if value == 0 {
			m.add(grpc.WithDisableRetry())
		}
	},
	"grpc.service_config_disable_resolution": func(m *mapping, _ string, value int64) {
		if value != 0 {
			m.add(grpc.WithDisableServiceConfig())
		}
	},
	"grpc.enable_http_proxy": func(m *mapping, _ string, value int64) {
		if value == 0 {
			m.add(grpc.WithNoProxy())
		}
	},
	"grpc.max_receive_message_length": func(m *mapping, _ string, value int64) {
		m.add(grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageSize(value))))
	},
	"grpc.max_send_message_length": func(m *mapping, _ string, value int64) {
		m.add(grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(messageSize(value))))
	},
	"grpc.use_local_subchannel_pool": func(m *mapping, key string, value int64) {
		if value == 0 {
			m.refuse(key, "channels of grpc-go never share connections, as 1 says")
		}
	},
}

// finish adds the options that take several arguments together.
func (m *mapping) finish() {
	switch {
	case m.pingTimeout == 0 || m.pingTimeout == m.keepalive.Timeout:
	case m.keepalive.Timeout == 0:
		m.keepalive.Timeout = m.pingTimeout
	default:
		m.refuse("grpc.http2.ping_timeout_ms",
			fmt.Sprintf("grpc-go has one timeout of pings, and %v of grpc.keepalive_timeout_ms is it", m.keepalive.Timeout))
	}
	if m.keepalive.Time > 0 {
		m.add(grpc.WithKeepaliveParams(m.keepalive))
	}
	if m.backsOff {
		m.add(grpc.WithConnectParams(m.connect))
	}
}

func (m *mapping) add(option grpc.DialOption) { m.options = append(m.options, option) }

func (m *mapping) refuse(option, why string) {
	m.notApplied = append(m.notApplied, notApplied{option, why})
}

func milliseconds(value int64) time.Duration { return time.Duration(value) * time.Millisecond }

// messageSize reads the C core's −1, which is no limit.
func messageSize(value int64) int {
	if value < 0 {
		return 1<<31 - 1
	}
	return int(value)
}
