package link

import (
	"bytes"
	"net/netip"
	"testing"
)

func FuzzParseToken(f *testing.F) {
	a, err := NewAuthority("test")
	if err != nil {
		f.Fatal(err)
	}
	text := NewToken(a, []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:7946"), netip.MustParseAddrPort("[2001:db8::1]:1")}).String()
	f.Add(text)
	f.Add(text[:40])
	f.Add("carillon-")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		again, err := ParseToken(token.String())
		if err != nil || again.String() != token.String() {
			t.Errorf("got %+v, %v, want %+v", again, err, token)
		}
	})
}

func FuzzRequest(f *testing.F) {
	r := Request{Node: "mons", Role: LifeGUARD, Site: "mons", Address: netip.MustParseAddrPort("10.1.0.1:7946"), Version: "1", CSR: []byte("csr")}
	b, err := encodeRequest(r, [16]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, secret, err := decodeRequest(b)
		if err != nil {
			return
		}
		b, err = encodeRequest(r, secret)
		if err != nil {
			t.Fatal(err)
		}
		again, same, err := decodeRequest(b)
		if err != nil || same != secret || again.Node != r.Node || again.Address != r.Address || !bytes.Equal(again.CSR, r.CSR) {
			t.Errorf("got %+v, %v, want %+v", again, err, r)
		}
	})
}

// FuzzPacket: nothing but what the other sealed is opened, once.
func FuzzPacket(f *testing.F) {
	s := &system{t: f}
	a, err := NewAuthority("test")
	if err != nil {
		f.Fatal(err)
	}
	s.authority = a
	from, to := two(f, s)
	n1, n2 := newNonce(), newNonce()
	key, lock := from.secret.seal(n1, n2, 7), to.secret.seal(n2, n1, 8)
	packet, _ := key.close(nil, 1, []byte("payload"))
	f.Add(packet, true)
	f.Add(from.secret.sealHello(hello{nonce: n1, echo: n2, index: 7}), false)
	f.Fuzz(func(t *testing.T, b []byte, keep bool) {
		if _, ok := to.secret.openHello(b); ok && b[0] != kindHello {
			t.Error("a hello of another kind")
		}
		if _, _, v := lock.open(bytes.Clone(b)); v == good && !bytes.Equal(b, packet) {
			t.Error("a packet that nobody sealed")
		}
		if !keep || len(b) > 1400 {
			return
		}
		sealed, _ := key.close(nil, 9, b)
		class, payload, v := lock.open(bytes.Clone(sealed))
		if v != good || class != 9 || !bytes.Equal(payload, b) || len(sealed) != len(b)+Overhead {
			t.Errorf("got class %d, %x, %v", class, payload, v)
		}
		if _, _, v = lock.open(sealed); v != replayed {
			t.Errorf("the second time: got %v", v)
		}
	})
}

// FuzzFrames: questions and answers come back as they went.
func FuzzFrames(f *testing.F) {
	f.Add(question(1, 1e9, "echo", []byte("body")))
	f.Add(answer(1, []byte("body"), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := parseQuestion(b); err == nil {
			again, err := parseQuestion(question(q.number, q.wait, q.kind, q.body))
			if err != nil || again.number != q.number || again.kind != q.kind || !bytes.Equal(again.body, q.body) {
				t.Errorf("got %+v, %v, want %+v", again, err, q)
			}
		}
		_, _, _ = parseAnswer(b, "mons")
		if got, err := readFrame(bytes.NewReader(b), 1000); err == nil && len(got) > 1000 {
			t.Errorf("got %d bytes", len(got))
		}
	})
}
