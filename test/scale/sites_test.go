package scale

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"carillon/cluster/replica"
	"carillon/store/live"
)

// A site is what the node of one says, and how far a main has it.
type site struct{ bindings, pointers *replica.Replica }

func newSite(name string) site {
	s := site{replica.New(name, "reg/"+name), replica.New(name, "ptr/"+name)}
	s.bindings.Renew(1)
	s.pointers.Renew(1)
	return s
}

// registers has a phone register at its site.
func (s site) registers(x live.Binding) {
	s.bindings.Set(x.Key(), x.AppendShared(nil))
	s.pointers.Set(live.PointerKey(x.Key()), x.AppendPointer(nil))
}

// tell has a main learn what is new.
func (s site) tell(t *testing.T, set *replica.Set, table *live.Bindings) {
	t.Helper()
	for _, from := range []*replica.Replica{s.bindings, s.pointers} {
		to := set.Get(from.Owner(), from.Channel())
		d, _ := from.DeltaSince(to.Cursor(), 1<<20)
		b, err := d.MarshalBinary()
		if err == nil {
			err = d.UnmarshalBinary(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		changes, _, _ := to.Apply(d)
		for _, x := range changes {
			if from != s.bindings {
				continue
			}
			if err = table.LearnText(from.Owner(), x.Text, x.Cut); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestBindingsOfSites: a main keeps the registrations of 500 sites after each phone
// has come back from another port.
func TestBindingsOfSites(t *testing.T) {
	const phones = 200 // of a site
	n := sized(100_000)
	before := heap()
	var set replica.Set
	table := live.NewBindings("laurel", nil)
	for i := range n / phones {
		name := fmt.Sprint("site", i)
		s := newSite(name)
		for turn := range 3 {
			for p := range phones {
				x := typical(i*phones + p)
				x.Site, x.Contact, x.Move = name, fmt.Sprintf("sip:%s@%s;transport=tcp", x.User, netip.AddrPortFrom(x.Source.Addr(), uint16(2000+turn))), uint32(turn)
				s.registers(x)
			}
			s.tell(t, &set, table)
		}
	}
	if table.Count() != n {
		t.Fatalf("got %d bindings, want %d", table.Count(), n)
	}
	t.Logf("%d B each while it is remembered what they were before", (heap()-before)/n)
	for range 2 {
		for r := range set.All() {
			r.Age()
		}
	}
	spends(t, fmt.Sprintf("%d sites", n/phones), heap()-before, n)
	runtime.KeepAlive(&set)
	runtime.KeepAlive(table)
}
