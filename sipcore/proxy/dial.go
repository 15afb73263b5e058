package proxy

import (
	"context"
	"errors"
	"fmt"

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
	ok := f.p.inBackground(func(ctx context.Context) {
		flow, err := f.p.connect(ctx, uri, kind)
		f.tx.Lock()
		defer f.tx.Unlock()
		b.dialled(flow, err)
	})
	if !ok {
		b.end(480, nil)
	}
}

// dialled goes on with the branch, unless it was cancelled meanwhile.
func (b *branch) dialled(flow transport.Flow, err error) {
	switch {
	case b.over:
	case err != nil:
		b.fork.p.o.Logger.Debug("phone not reached", "user", b.target.User, "error", err)
		b.fork.p.o.Phones.Refused(b.target.User, b.target.Device)
		b.end(480, nil)
	default:
		b.start(flow)
	}
	b.fork.settle()
}

// hopTo is the part of connecting that never waits: UDP to an address. It is
// none when uri cannot be read or is an address of the system itself.
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
	if ok && at.Kind == transport.UDP {
		h.flow, _ = p.o.Transport.UDP(at.Addr)
	}
	return h
}

// errComesBack is why none of the system's own listeners is dialled.
var errComesBack = errors.New("it leads back to this system")

// connect opens a flow to uri, trying each address that its name has (RFC 3263
// section 4) but the system's own. It waits; readers must not call it.
func (p *Proxy) connect(ctx context.Context, uri string, fallback transport.Kind) (transport.Flow, error) {
	target, err := targetOf(uri, fallback)
	if err != nil {
		return transport.Flow{}, err
	}
	hops, err := p.o.Resolver.Lookup(ctx, target)
	if err != nil {
		return transport.Flow{}, err
	}
	err = errors.New("no address")
	for _, h := range hops {
		if p.isSystem(h.Addr) {
			err = errComesBack
			continue
		}
		var flow transport.Flow
		if flow, err = p.o.Transport.Dial(ctx, h.Kind, h.Addr); err == nil {
			p.o.Resolver.OK(h)
			return flow, nil
		}
		p.o.Resolver.Failed(h)
	}
	return transport.Flow{}, fmt.Errorf("connecting to %s: %w", target.Host, err)
}

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
	return t, nil
}
