package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestDialTLS wants a peer that is named to show that it is who is meant.
func TestDialTLS(t *testing.T) {
	ours, theirs := newIssuer(t), newIssuer(t)
	for _, tt := range []struct {
		name  string
		cert  *tls.Certificate
		want  string // the name that is dialled
		wrong string // in the error; "" is none
	}{
		{"the domain as a DNS name", ours.issue("tel.test"), "tel.test", ""},
		{"in any case", ours.issue("TEL.test"), "tel.TEST", ""},
		{"the domain as a URI", ours.issue("sip:tel.test"), "tel.test", ""},
		{"a URI decides where there is one", ours.issue("sip:other.test", "tel.test"), "tel.test", "not for tel.test"},
		{"a person's URI names no domain", ours.issue("sip:bob@tel.test", "tel.test"), "tel.test", ""},
		{"another domain", ours.issue("other.test"), "tel.test", "not for tel.test"},
		{"no wildcards", ours.issue("*.test"), "tel.test", "not for tel.test"},
		{"a part is not the whole", ours.issue("tel.test"), "a.tel.test", "not for a.tel.test"},
		{"a stranger's certificate", theirs.issue("tel.test"), "tel.test", "unknown authority"},
		{"an address is taken as it is", theirs.issue("other.test"), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &record{}
			far := listening(t, Options{Addr: host(), Certificate: always(tt.cert)}, h)
			near := listening(t, Options{Addr: host(), Certificate: always(ours.issue("near.test")), Roots: ours.roots}, &record{})
			f, err := near.DialName(t.Context(), TLS, netip.MustParseAddrPort(on(far, TLS)), tt.want)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind() != TLS || f.Send([]byte(request("a", 0))) != nil {
				t.Errorf("got a flow of kind %v", f.Kind())
			}
			h.count(t, 1)
		})
	}
}

// A connection is used again by who means the same, and by nobody else.
func TestDialTLSAgain(t *testing.T) {
	i := newIssuer(t)
	far := listening(t, Options{Addr: host(), Certificate: always(i.issue("tel.test", "other.test"))}, &record{})
	near := listening(t, Options{Addr: host(), Certificate: always(i.issue("near.test")), Roots: i.roots}, &record{})
	to := netip.MustParseAddrPort(on(far, TLS))
	dial := func(k Kind, at netip.AddrPort, name string) Flow {
		t.Helper()
		f, err := near.DialName(t.Context(), k, at, name)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := dial(TLS, to, "tel.test")
	if dial(TLS, to, "TEL.test") != first {
		t.Error("the same name in other letters has another connection")
	}
	if dial(TLS, to, "other.test") == first || dial(TLS, to, "") == first {
		t.Error("who means another shares the connection")
	}
	if _, err := near.DialName(t.Context(), TLS, to, "third.test"); err == nil {
		t.Error("a name that the certificate does not have was believed")
	}
	for _, k := range []Kind{WS, WSS, Node} {
		if _, err := near.Dial(t.Context(), k, to); !errors.Is(err, ErrKind) {
			t.Errorf("%v: got %v, want ErrKind", k, err)
		}
	}
}

// A peer that does not shake hands is given up like one that does not connect.
func TestDialTLSSilent(t *testing.T) {
	ln, err := net.Listen("tcp", netip.AddrPortFrom(host(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	i := newIssuer(t)
	near := listening(t, Options{Addr: host(), Certificate: always(i.issue("x")), ConnectTimeout: 200 * time.Millisecond}, &record{})
	began := tool.Start(t)
	_, err = near.DialName(context.Background(), TLS, netip.MustParseAddrPort(ln.Addr().String()), "tel.test")
	if took := began.Took(); err == nil || took > 3*time.Second {
		t.Errorf("after %v: got %v", took, err)
	}
	if got := near.Counters().Open; got != 0 {
		t.Errorf("got %d flows open", got)
	}
}
