package resolve

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// catch returns what f panics with.
func catch(f func()) (what any) {
	defer func() { what = recover() }()
	f()
	return nil
}

// TestPanicOfManyIsTheCallers: one that happens in a goroutine of ours does not
// end the program, and says where it was but not what it was about.
func TestPanicOfManyIsTheCallers(t *testing.T) {
	what := catch(func() {
		forEach([]int{1, 2, 3}, func(int, int) { panic("the name of somebody") })
	})
	err, ok := what.(runtime.Error)
	if !ok || !strings.Contains(err.Error(), "panic_test.go") || strings.Contains(err.Error(), "somebody") {
		t.Errorf("got %v, want where it was, without the name", what)
	}
	if what = catch(func() { inParallel(func() {}, func() {}) }); what != nil {
		t.Errorf("got %v, want nothing", what)
	}
}

// TestPanicIsNoNameForEver: who asks for a name whose last answer made us panic
// asks the name servers again.
func TestPanicIsNoNameForEver(t *testing.T) {
	asked := 0
	m := newMemory(func(context.Context, question) (answer, error) {
		if asked++; asked == 1 {
			panic("an answer of a stranger")
		}
		return answer{}, nil
	}, slog.New(slog.DiscardHandler))
	q := question{"phone.test.", dns.TypeA}
	if catch(func() { _, _ = m.ask(t.Context(), q) }) == nil {
		t.Fatal("the panic was swallowed")
	}
	if _, err := m.ask(t.Context(), q); err != nil && asked != 2 {
		t.Errorf("got %v after %d questions", err, asked)
	}
	if asked != 2 {
		t.Errorf("asked %d times, want twice", asked)
	}
}
