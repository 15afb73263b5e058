package link

import (
	"testing"
)

// BenchmarkHandshake is both sides of a dial, over loopback.
func BenchmarkHandshake(b *testing.B) {
	for _, resume := range []bool{false, true} {
		name := map[bool]string{false: "full", true: "resumed"}[resume]
		b.Run(name, func(b *testing.B) {
			authority, err := NewAuthority("test")
			if err != nil {
				b.Fatal(err)
			}
			s := &system{b, authority}
			from, to := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
			go func() { _ = to.Run(b.Context()) }()
			for b.Loop() {
				if !resume {
					from.show(from.identity()) // which forgets tickets
				}
				c, err := from.Dial(b.Context(), "mons", to.Address(), protocolMeet)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}
		})
	}
}

func benchmarkSeals(b *testing.B) (out, in *seal) {
	b.Helper()
	authority, err := NewAuthority("test")
	if err != nil {
		b.Fatal(err)
	}
	from, to := two(b, &system{b, authority})
	n1, n2 := newNonce(), newNonce()
	return from.secret.seal(n1, n2, 7), to.secret.seal(n2, n1, 8)
}

func BenchmarkSeal(b *testing.B) {
	out, _ := benchmarkSeals(b)
	buffer, payload := make([]byte, 0, 2048), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = out.close(buffer, 1, payload)
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	out, in := benchmarkSeals(b)
	buffer, payload := make([]byte, 0, 2048), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		packet, _ := out.close(buffer, 1, payload)
		if _, _, v := in.open(packet); v != good {
			b.Fatal(v)
		}
	}
}
