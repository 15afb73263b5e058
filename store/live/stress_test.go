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
		n, onFlows, onWheel := 0, 0, 0
		for user, e := range s.users {
			for ; e != nil; e = e.sibling {
				if e.isShown() {
					n++
				}
				if e.user() != user {
					t.Errorf("%q is in the chain of %q", e.user(), user)
				}
				if e.onConn {
					onFlows++
				}
				if e.onWheel {
					onWheel++
				}
			}
		}
		for flow, e := range s.flows {
			for ; e != nil; e = e.flowNext {
				onFlows--
				if e.flow != flow {
					t.Errorf("flow %d is in the list of %d", e.flow, flow)
				}
			}
		}
		for _, e := range s.due.buckets {
			for ; e != nil; e = e.dueNext {
				onWheel--
			}
		}
		if n != s.count || onFlows != 0 || onWheel != 0 {
			t.Errorf("shard %d: %d of %d in chains, %d missing on flows, %d on the wheel", i, n, s.count, onFlows, onWheel)
		}
	}
}
