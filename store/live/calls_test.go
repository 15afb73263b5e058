package live

import (
	"fmt"
	"sync"
	"testing"
)

func TestCalls(t *testing.T) {
	c := NewCalls()
	c.Put(Call{ID: "1", State: Ringing, From: "201", To: "202"})
	c.Put(Call{ID: "2", State: Ringing})
	c.Put(Call{ID: "1", State: Up, From: "201", To: "202"})
	c.Delete("2")
	c.Delete("no such call")
	if got, ok := c.Get("1"); !ok || got.State != Up {
		t.Errorf("got %+v, %v; want the call up", got, ok)
	}
	if _, ok := c.Get("2"); ok {
		t.Error("a call that ended is there")
	}
	if all := c.All(); len(all) != 1 || c.Count() != 1 || all[0].ID != "1" {
		t.Errorf("got %v and count %d, want call 1 alone", all, c.Count())
	}
}

func TestCallsTogether(t *testing.T) {
	c := NewCalls()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				id := fmt.Sprint(g, "-", i)
				c.Put(Call{ID: id})
				c.All()
				c.Delete(id)
			}
		})
	}
	wg.Wait()
	if c.Count() != 0 {
		t.Errorf("%d calls are left", c.Count())
	}
}
