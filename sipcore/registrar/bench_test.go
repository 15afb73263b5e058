package registrar

import (
	"fmt"
	"testing"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// BenchmarkRegister is a refresh with a valid digest, from the parsed message to
// the bytes of the 200, the transaction included, the network not.
func BenchmarkRegister(b *testing.B) {
	for _, k := range []transport.Kind{transport.UDP, transport.TCP} {
		b.Run(k.String(), func(b *testing.B) {
			h := newHouse(b, k, desk)
			texts := make([]string, b.N)
			for i := range texts {
				r := register{
					cseq: i + 1, agent: "Yealink SIP-T46S 66.86.0.15", lines: []string{here + ";expires=3600", "Supported: path, replaces"},
				}.withDefaults()
				texts[i] = h.text(r, r.answer(h.send(h.text(r, ""))))
				if i >= 60000 {
					texts[i] = texts[i%60000] // nonces of the last lap are stale
				}
			}
			messages := make([]*message.Message, len(texts))
			for i, text := range texts {
				messages[i], _ = message.ParseString(text)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, m := range messages {
				h.answers = h.answers[:0]
				h.layer.Receive(h.flow, m)
			}
			b.StopTimer()
			if got := h.registrar.Counters().Accepted; got < uint64(min(b.N, 60000)) {
				b.Errorf("%d of %d accepted: %s", got, b.N, h.answers)
			}
		})
	}
}

func BenchmarkChallenge(b *testing.B) {
	h := newHouse(b, transport.TCP, desk)
	messages := make([]*message.Message, b.N)
	for i := range messages {
		messages[i], _ = message.ParseString(h.text(register{cseq: 1, callID: fmt.Sprint(i), lines: []string{here}}.withDefaults(), ""))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, m := range messages {
		h.answers = h.answers[:0]
		h.layer.Receive(h.flow, m)
	}
}
