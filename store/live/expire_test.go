package live

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := NewBindings("laurel", &j)
		go func() { _ = b.Run(t.Context()) }()
		lifetimes := []time.Duration{time.Second, 57 * time.Second, time.Minute, 63 * time.Second, 253 * time.Second, 256 * time.Second, 259 * time.Second, time.Hour}
		for i, d := range lifetimes {
			b.Put(phone(func(x *Binding) { x.User, x.Expires = fmt.Sprint(i), time.Now().Add(d+300*time.Millisecond) }))
		}
		for i, d := range lifetimes {
			time.Sleep(time.Until(b.Of(fmt.Sprint(i))[0].Expires) - time.Millisecond)
			if len(b.Of(fmt.Sprint(i))) != 1 {
				t.Errorf("%v: gone before its time", d)
			}
			time.Sleep(time.Millisecond)
			if len(b.Of(fmt.Sprint(i))) != 0 {
				t.Errorf("%v: still there after its time", d)
			}
			time.Sleep(sweepEvery)
			synctest.Wait()
			if got, want := b.Count(), len(lifetimes)-i-1; got != want {
				t.Errorf("%v: %d bindings are left, want %d", d, got, want)
			}
		}
		if got := len(j.take()); got != 2*len(lifetimes) {
			t.Errorf("got %d journal entries, want %d", got, 2*len(lifetimes))
		}
	})
}

func TestRefreshedBindingStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBindings("laurel", nil)
		go func() { _ = b.Run(t.Context()) }()
		refresh := func(d time.Duration) {
			b.Put(phone(func(x *Binding) { x.Expires = time.Now().Add(d) }))
		}
		refresh(time.Minute)
		for range 100 {
			time.Sleep(50 * time.Second)
			if b.Count() != 1 {
				t.Fatal("a refreshed binding is gone")
			}
			refresh(time.Minute)
		}
		refresh(10 * time.Second) // sooner than it was
		time.Sleep(11*time.Second + time.Millisecond)
		synctest.Wait()
		if b.Count() != 0 {
			t.Error("a binding outlived its shortened life")
		}
	})
}

// TestExpireMatchesModel compares when bindings end with a model.
func TestExpireMatchesModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBindings("laurel", nil)
		ends := map[string]time.Time{}
		for range 3000 {
			user := fmt.Sprint(rand.IntN(50))
			switch rand.IntN(4) {
			case 0, 1:
				ends[user] = time.Now().Add(time.Duration(rand.IntN(700_000)) * time.Millisecond)
				b.Put(phone(func(x *Binding) { x.User, x.Expires = user, ends[user] }))
			case 2:
				delete(ends, user)
				_ = b.Update(user, func([]Binding) ([]Binding, error) { return nil, nil })
			default:
				time.Sleep(time.Duration(rand.IntN(20_000)) * time.Millisecond)
				b.Expire(time.Now())
				now := time.Now().Truncate(time.Nanosecond)
				maps.DeleteFunc(ends, func(_ string, end time.Time) bool { return !now.Before(end) })
				live := 0
				for _, x := range b.All() {
					if !x.Expires.Equal(ends[x.User]) {
						t.Fatalf("%s ends at %v, want %v", x.User, x.Expires, ends[x.User])
					}
					live++
				}
				// What ended in the running second may be there still.
				if live != len(ends) || b.Count() < live {
					t.Fatalf("got %d bindings (%d counted), want %d", live, b.Count(), len(ends))
				}
			}
		}
		time.Sleep(701 * time.Second)
		b.Expire(time.Now())
		if b.Count() != 0 {
			t.Errorf("%d bindings are left after all have ended", b.Count())
		}
	})
}
