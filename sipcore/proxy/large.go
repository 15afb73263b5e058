package proxy

import (
	"context"
	"net/netip"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/resolve"
	"carillon/sipcore/transport"
)

const (
	// largeRequest is what a datagram may carry where nobody knows how much the
	// path does; what is larger goes over TCP (RFC 3261 section 18.1.1).
	largeRequest = 1300
	// streamPatience is how long a phone that registered over UDP may take to
	// accept a connection. Most do not listen, and say so at once.
	streamPatience = 500 * time.Millisecond
)

// byStream starts the branch once a connection is open to the phone at the other
// end of a UDP flow; if it does not accept one, over UDP after all, for another
// half minute. It is false when there is no reason to think that it might.
func (b *branch) byStream(udp transport.Flow) bool {
	f := b.fork
	to, ok := b.streamTo(udp)
	if !ok || b.sized || b.target.IsTrunk() || f.p.isSystem(to.Addr) || f.p.o.Resolver.HasFailed(to) {
		return false
	}
	b.sized = true
	return f.p.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, streamPatience)
		defer cancel()
		var flow transport.Flow
		err := f.p.tried(func() (err error) { flow, err = f.p.o.Transport.Dial(ctx, to.Kind, to.Addr); return err })
		if err != nil {
			f.p.o.Resolver.Failed(to)
			flow = udp
		}
		f.tx.Do(func() {
			if !b.over {
				b.start(flow)
			}
			f.settle()
		})
	})
}

// streamTo is where the phone would listen: at the address and port of its
// Contact, if that is where the UDP flow leads. A Contact that says udp means it.
func (b *branch) streamTo(udp transport.Flow) (resolve.Hop, bool) {
	text := b.target.URI
	if b.fork.loose != nil {
		text = b.fork.loose.uri
	}
	uri, err := message.ParseURI(text)
	if err != nil {
		return resolve.Hop{}, false
	}
	if _, said := uri.Param("transport"); said {
		return resolve.Hop{}, false
	}
	port := uri.Port
	if port == 0 {
		port = defaultPort
	}
	host, numeric := message.HostAddr(uri.Host)
	at := netip.AddrPortFrom(host.Unmap(), port)
	return resolve.Hop{Kind: transport.TCP, Addr: at}, numeric && at == udp.Remote()
}
