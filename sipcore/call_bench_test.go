package sipcore_test

import "testing"

// BenchmarkCall is a whole call between two phones over TCP, ringing and
// acknowledged, ended by the caller: what phones and nodes cost together.
func BenchmarkCall(b *testing.B) {
	for _, bm := range []struct{ name, callee string }{{"one node", "laurel"}, {"two nodes", "hardy"}} {
		b.Run(bm.name, func(b *testing.B) {
			w := newTown(b, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes[bm.callee].phone("bob", "b")
			w.nodes["laurel"].knows("bob", bm.callee)
			b.ReportAllocs()
			for b.Loop() {
				hangsUp(connect(alice, bob))
			}
		})
	}
}
