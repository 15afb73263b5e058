package live

import (
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// TestChains has more users and flows than chains at the start, several devices of
// a user and several users on a flow, and takes them away again.
func TestChains(t *testing.T) {
	const users, devices, sharing = 5000, 2, 3
	b := NewBindings("laurel", nil)
	each := func(f func(user, device string, flow uint64)) {
		for i := range users {
			for d := range devices {
				f(fmt.Sprint(i), fmt.Sprint("urn:uuid:", d), uint64(1+i/sharing))
			}
		}
	}
	each(func(user, device string, flow uint64) {
		b.Put(phone(func(x *Binding) { x.User, x.Device, x.Transport, x.Flow = user, device, "tcp", flow }))
	})
	checkIndexes(t, b)
	each(func(user, device string, flow uint64) {
		if x, ok := b.Device(user, device); !ok || x.Flow != flow || len(b.Of(user)) != devices {
			t.Fatalf("%s: got %d bindings, on flow %d, want %d on %d", user, len(b.Of(user)), x.Flow, devices, flow)
		}
	})
	b.FlowClosed(1)
	if b.HasFlow(1) || !b.HasFlow(2) {
		t.Error("a closed flow is there, or another one is not")
	}
	each(func(user, _ string, _ uint64) {
		_ = b.Update(user, func([]Binding) ([]Binding, error) { return nil, nil })
	})
	checkIndexes(t, b)
	if b.Count() != 0 {
		t.Errorf("%d bindings are left", b.Count())
	}
}

// keeper keeps the texts that it is given.
type keeper struct {
	journal
	texts map[string]string
}

func (k *keeper) Keep(text string, key int, known bool) {
	if k.texts[text[:key]] = text[key:]; !known {
		k.Set(text[:key], []byte(text[key:]))
	}
}

// Table and Keeper have the same text, whatever changes.
func TestKeeperHasTheTextOfTheTable(t *testing.T) {
	k := &keeper{texts: map[string]string{}}
	b := NewBindings("laurel", k)
	var x Binding
	for _, c := range []struct {
		name   string
		change func(x *Binding)
		told   int
	}{
		{"new", func(*Binding) {}, 1},
		{"a refresh", func(x *Binding) { x.CSeq++ }, 0},
		{"a new Call-ID", func(x *Binding) { x.CallID = "another one" }, 0},
		{"a new Contact", func(x *Binding) { x.Contact = "sip:201@10.0.0.7:5070" }, 1},
		{"a Path", func(x *Binding) { x.Path = []string{"<sip:p;lr>", "<sip:q;lr>"} }, 1},
	} {
		x = phone(func(y *Binding) {
			if x.User != "" {
				*y = x
			}
			y.Since = time.Unix(1_700_000_000, 0)
			c.change(y)
		})
		b.Put(x)
		s := b.shard(x.User)
		e := s.find(x.User, x.Device)
		if got, want := k.texts[x.Key()], e.text[e.at.keyEnd:e.at.toldEnd]; unsafe.StringData(got) != unsafe.StringData(want) {
			t.Errorf("%s: they have not the same text: %q, %q", c.name, got, want)
		}
		if got := string(x.AppendShared(nil)); k.texts[x.Key()] != got {
			t.Errorf("%s: got %q, want %q", c.name, k.texts[x.Key()], got)
		}
		if got := len(k.take()); got != c.told {
			t.Errorf("%s: told %d times, want %d", c.name, got, c.told)
		}
		if got, _ := b.Device(x.User, x.Device); got.Contact != x.Contact || got.CallID != x.CallID || got.Source != x.Source || !slices.Equal(got.Path, x.Path) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, x)
		}
	}
}
