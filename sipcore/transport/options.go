package transport

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Options say where a layer listens and what it lets others use up. The zero
// value of each field means its default.
type Options struct {
	Addr    netip.Addr // the zero Addr: all addresses, IPv4 and IPv6
	Port    uint16     // of UDP and TCP: 5060
	Logger  *slog.Logger
	Watcher Watcher // of all messages: nobody
	Gate    Gate    // lets messages and connections in: all of them
	Indoors bool    // without sockets: all connections are adopted

	// Certificate is shown to who calls over TLS; nil: there is no TLS.
	Certificate Certify
	// Roots are whom we believe what others' certificates say; nil: the system's.
	Roots func() *x509.CertPool

	TLSPort, WSPort, WSSPort uint16 // 5061, 5066, 7443; the last two only for browsers: see Browsers

	MaxConns      int   // stream flows together: 32768, never more than 3/4 of the open files allowed
	MaxConnsPerIP int   // accepted from one IPv4 address or one IPv6 /64: 4096
	MaxMessage    int   // bytes of one message on a stream: 64 KiB
	QueueBytes    int   // waiting to be sent on one stream flow: 1 MiB
	MaxBytes      int64 // unfinished and unsent messages of all stream flows: 256 MiB

	Handshake      time.Duration // of TLS and WebSocket together, for one who calls: 10 s
	PingEvery      time.Duration // of browsers, by WebSocket: 25 s
	HalfMessage    time.Duration // from a message's first byte to its last, and for a new peer's first: 30 s
	Stall          time.Duration // without progress in sending: 10 s
	Linger         time.Duration // to send what is queued when a flow closes: 1 s
	ConnectTimeout time.Duration // of a Dial: 1.5 s
}

// withDefaults returns o with every zero field filled in.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Watcher == nil {
		o.Watcher = nobody{}
	}
	if o.Gate == nil {
		o.Gate = nobody{}
	}
	o.Addr = o.Addr.Unmap()
	fill(&o.Port, 5060)
	fill(&o.TLSPort, 5061)
	fill(&o.WSPort, 5066)
	fill(&o.WSSPort, 7443)
	fill(&o.MaxConns, 32768)
	fill(&o.MaxConnsPerIP, 4096)
	fill(&o.MaxMessage, 64<<10)
	fill(&o.QueueBytes, 1<<20)
	fill(&o.MaxBytes, 256<<20)
	fill(&o.Handshake, 10*time.Second)
	fill(&o.PingEvery, pingEvery)
	fill(&o.HalfMessage, 30*time.Second)
	fill(&o.Stall, 10*time.Second)
	fill(&o.Linger, time.Second)
	fill(&o.ConnectTimeout, 1500*time.Millisecond)
	o.MaxConns = min(o.MaxConns, affordableConns())
	return o
}

// validate refuses what no default can mend.
func (o Options) validate() error {
	if o.Addr.IsMulticast() {
		return errors.New("a multicast address cannot be listened on")
	}
	if o.MaxConns < 0 || o.MaxConnsPerIP < 0 || o.MaxMessage < 0 || o.QueueBytes < 0 || o.MaxBytes < 0 {
		return errors.New("a limit cannot be negative")
	}
	return nil
}

// fill sets *field to value if it is zero.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// affordableConns leaves a quarter of the process's files to everybody else:
// who can open no file can write no log and accept no call.
func affordableConns() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 768 // of the traditional 1024
	}
	return int(min(limit.Cur, 1<<30) / 4 * 3)
}
