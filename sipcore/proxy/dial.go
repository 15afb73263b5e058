package proxy

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/resolve"
	"carillon/sipcore/transport"
)

// dial starts the branch once a flow to uri is open.
func (b *branch) dial(uri string, kind transport.Kind) {
	f := b.fork
	switch h := f.p.hopTo(uri, kind); {
	case !h.flow.IsZero():
		b.start(h.flow)
		return
	case h.isNone():
		b.end(480, nil)
		return
	}
	b.inBackground(func(ctx context.Context) (transport.Flow, []resolve.Hop, error) {
		return f.p.connect(ctx, uri, kind)
	})
}

// inBackground goes on with the branch once f has found a flow for it. The hops
// that f returns are the one that the flow leads to and those to try after it.
func (b *branch) inBackground(f func(context.Context) (transport.Flow, []resolve.Hop, error)) {
	var flow transport.Flow
	var hops []resolve.Hop
	ok := b.fork.p.Await(b.fork.tx,
		func(ctx context.Context) (err error) { flow, hops, err = f(ctx); return err },
		func(err error) { b.dialled(flow, hops, err) })
	if !ok {
		b.end(480, nil)
	}
}

// dialled goes on with the branch, unless it was cancelled meanwhile.
func (b *branch) dialled(flow transport.Flow, hops []resolve.Hop, err error) {
	switch {
	case b.over:
	case err != nil:
		b.fork.p.o.Logger.Debug("phone not reached", "user", b.target.User, "error", err)
		if b.atContact() {
			b.lost(silent)
			break
		}
		if b.target.IsTrunk() {
			b.noLine("it is not reached")
			break
		}
		b.fork.p.o.Phones.Refused(b.target.User, b.target.Device)
		b.end(480, nil)
	default:
		b.hops = hops
		b.start(flow)
	}
	b.fork.settle()
}

// hopPatience is how long a server that is not the only one of its name may take
// to say 100.
const hopPatience = 2 * time.Second

// nextServer starts another branch to the next server of the name that was
// dialled, when this one has answered nothing, or 503 (RFC 3263 section 4.3). It
// is false when there is none.
func (b *branch) nextServer() bool {
	f := b.fork
	if len(b.hops) == 0 || f.over || f.canceled {
		return false
	}
	f.p.o.Resolver.Failed(b.hops[0])
	left := b.hops[1:]
	if len(left) == 0 {
		return false
	}
	next := f.open(&branch{fork: f, target: b.target, path: b.path, breadth: b.breadth, past: b.past, around: b.around, picks: b.picks})
	next.inBackground(func(ctx context.Context) (transport.Flow, []resolve.Hop, error) {
		return f.p.connectTo(ctx, left)
	})
	return true
}

// hopTo is the part of connecting that never waits: to an address over UDP, or by the
// TCP connection that stands. It is none when uri cannot be read or is an address of the system itself.
func (p *Proxy) hopTo(uri string, fallback transport.Kind) hop {
	h := hop{uri: uri, kind: fallback}
	target, err := targetOf(uri, fallback)
	if err != nil {
		return hop{}
	}
	at, ok := p.o.Resolver.Literal(target)
	if ok && p.isSystem(at.Addr) {
		return hop{}
	}
	switch {
	case ok && at.Kind == transport.UDP:
		h.flow, _ = p.o.Transport.UDP(at.Addr)
	case ok && at.Kind == transport.TCP:
		h.flow, _ = p.o.Transport.Standing(at.Addr)
	}
	return h
}

// errComesBack is why none of the system's own listeners is dialled.
var errComesBack = errors.New("it leads back to this system")

// connect opens a flow to uri, trying each address that its name has (RFC 3263
// section 4) but the system's own, and returns what connectTo does. It waits;
// readers must not call it.
func (p *Proxy) connect(ctx context.Context, uri string, fallback transport.Kind) (transport.Flow, []resolve.Hop, error) {
	target, err := targetOf(uri, fallback)
	if err != nil {
		return transport.Flow{}, nil, err
	}
	hops, err := p.o.Resolver.Lookup(ctx, target)
	if err != nil {
		return transport.Flow{}, nil, err
	}
	flow, hops, err := p.connectTo(ctx, hops)
	if err != nil {
		err = fmt.Errorf("connecting to %s: %w", target.Host, err)
	}
	return flow, hops, err
}

// Connect opens a flow to uri as a call to it would, for who has something else to say
// there. It waits.
func (p *Proxy) Connect(ctx context.Context, uri string, fallback transport.Kind) (transport.Flow, error) {
	flow, _, err := p.connect(ctx, uri, fallback)
	return flow, err
}

// connectTo opens a flow to the first of hops that takes one, and returns the
// hops from there on.
func (p *Proxy) connectTo(ctx context.Context, hops []resolve.Hop) (transport.Flow, []resolve.Hop, error) {
	err := errors.New("no address")
	for i, h := range hops {
		if p.isSystem(h.Addr) {
			err = errComesBack
			continue
		}
		var flow transport.Flow
		if flow, err = p.dialHop(ctx, h, i+1 == len(hops)); err == nil {
			return flow, hops[i:], nil
		}
		p.o.Resolver.Failed(h)
	}
	return transport.Flow{}, nil, err
}

const (
	// restarting is how long the last address of a target may refuse: what lost
	// its connection and listens no more is most likely being started again.
	restarting = time.Second
	knockEvery = 50 * time.Millisecond
)

// dialHop opens a flow to h. If there is nothing to try after it, it asks again
// for a moment while it is refused.
func (p *Proxy) dialHop(ctx context.Context, h resolve.Hop, last bool) (transport.Flow, error) {
	patience := time.Now().Add(restarting)
	for {
		flow, err := p.o.Transport.DialName(ctx, h.Kind, h.Addr, h.Name)
		if !last || !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(patience) {
			return flow, err
		}
		select {
		case <-ctx.Done():
			return transport.Flow{}, ctx.Err()
		case <-time.After(knockEvery):
		}
	}
}

// errOnlyComes is why a browser is not dialled.
var errOnlyComes = errors.New("it is reached over its own connection alone")

// targetOf reads a SIP URI as a destination. A numeric host without a transport
// parameter uses fallback, since that is how the phone came to us.
func targetOf(uri string, fallback transport.Kind) (resolve.Target, error) {
	u, err := message.ParseURI(uri)
	if err != nil {
		return resolve.Target{}, err
	}
	t := resolve.Target{Host: unbracket(u.Host), Port: u.Port, Secure: u.IsSIPS()}
	if maddr, ok := u.Param("maddr"); ok {
		t.Host = unbracket(maddr)
	}
	if name, ok := u.Param("transport"); ok {
		t.Transport = name
	} else if fallback != transport.UDP {
		t.Transport = fallback.String()
	}
	if kind, ok := transport.KindOf(t.Transport); ok && !kind.Dials() {
		return t, errOnlyComes
	}
	return t, nil
}
