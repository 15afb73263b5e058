package live

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestStress has every kind of access at once, for the race detector, and then
// looks whether the indexes agree.
func TestStress(t *testing.T) {
	const users, flows = 20, 8
	b := NewBindings("laurel", &journal{})
	b.OnChange(func(string) {})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 1500 {
				user, flow := fmt.Sprint(r.IntN(users)), uint64(r.IntN(flows)+1)
				switch r.IntN(8) {
				case 0, 1, 2:
					_ = b.Update(user, func(have []Binding) ([]Binding, error) {
						if len(have) > 3 {
							have = have[1:]
						}
						return append(have, phone(func(x *Binding) {
							x.Device, x.Flow = fmt.Sprint(r.IntN(6)), flow
							x.Expires = time.Now().Add(time.Duration(r.IntN(5)) * time.Millisecond)
						})), nil
					})
				case 3:
					b.FlowClosed(flow)
				case 4:
					b.Expire(time.Now().Add(time.Second))
				case 5:
					x := phone()
					_ = b.Learn("hardy", user+separator+fmt.Sprint(r.IntN(6)), x.AppendShared(nil))
				case 6:
					_ = b.Learn("hardy", user+separator+fmt.Sprint(r.IntN(6)), nil)
				default:
					b.Of(user)
					b.UsersOn(flow, user)
					b.HasFlow(flow)
					b.AppendRecord(nil, user+separator+"1")
					b.All()
				}
			}
		})
	}
	wg.Wait()
	checkIndexes(t, b)
}

func checkIndexes(t *testing.T, b *Bindings) {
	t.Helper()
	for i := range b.shards {
		s := &b.shards[i]
		n, shown, onFlows := 0, 0, 0
		for e := range s.users.all() {
			n++
			if e.isShown() {
				shown++
			}
			if !isFound(s, e) {
				t.Errorf("%q is in the chain of somebody else", e.user())
			}
			if e.onConn {
				onFlows++
			}
			if e.ends != 0 && (s.soonest == 0 || e.ends < s.soonest) {
				t.Errorf("nobody looks when %q ends", e.user())
			}
		}
		for _, e := range s.flows.chains {
			for ; e != nil; e = e.nextOnFlow {
				onFlows--
				if s.flows.first(e.flow) == nil {
					t.Errorf("flow %d is in the chain of another one", e.flow)
				}
			}
		}
		if n != s.users.n || shown != s.count || onFlows != 0 {
			t.Errorf("shard %d: %d of %d in chains, %d of %d shown, %d missing on flows", i, n, s.users.n, shown, s.count, onFlows)
		}
	}
}

func isFound(s *shard, e *entry) bool {
	for f := s.users.first(e.user()); f != nil; f = f.another() {
		if f == e {
			return true
		}
	}
	return false
}
