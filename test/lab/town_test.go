package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/lab/extension"
	"carillon/test/tool"
)

// A town is eight branches with a phone each, whose number is the branch's name, and
// a carrier with a gateway in the LAN of each; all mains are dead.
type town struct {
	*System

	t        *testing.T
	branches []lan
	phones   map[string]*extension.Phone
	carrier  *Carrier
}

// eightSites: each of eight branches calls each, with all mains dead: from LifeGUARD
// to LifeGUARD over the lines, and when these swallow everything, through the carrier.
func eightSites(t *testing.T) {
	t.Helper()
	w := openTown(t)
	eventually(t, "all branches are on their own, and hear each other", time.Minute, func() bool {
		return !slices.ContainsFunc(w.branches, func(l lan) bool { return !w.nodes[homes[l.site]].hearsOthers(len(w.branches) - 1) })
	})
	w.all("over the lines")
	if got := w.carrier.Carried(); len(got) > 0 {
		t.Errorf("calls that the carrier has carried while there were lines: %v", got)
	}
	for _, l := range w.branches {
		w.lines[l.site].Cut()
	}
	w.all("through the carrier, at once when the lines are cut")
	want := slices.Sorted(slices.Values(w.pairs()))
	if got := w.carrier.Carried(); !slices.Equal(got, want) {
		t.Errorf("the carrier has carried %d calls: %v; want each of %d once", len(got), got, len(want))
	}
	w.all("through the carrier")
}

// hearsOthers reports whether the node goes on alone, and so many others hear it.
func (n *Node) hearsOthers(count int) bool {
	n.tb.Helper()
	s := n.status()
	for _, l := range s.Links {
		if l.State == "up" {
			count--
		}
	}
	return s.Mode == "survivable" && count <= 0
}

// pairs returns all, as "from to".
func (w *town) pairs() (all []string) {
	for _, from := range w.branches {
		for _, to := range w.branches {
			if from != to {
				all = append(all, from.site+" "+to.site)
			}
		}
	}
	return all
}

func openTown(t *testing.T) *town {
	t.Helper()
	all := manyLANs()
	w := &town{t: t, branches: all[1:], phones: map[string]*extension.Phone{}}
	text, numbers := w.configuration(all)
	w.System = openSystem(t, openSites(t, 0, all), all, twoMains(), text)
	w.carrier = w.Carrier(w.branches, numbers)
	for _, l := range w.branches {
		p := w.Extensions(l.site, l.site)[0]
		w.phones[l.site] = p
		go func() {
			if err := p.Run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
	}
	w.know(w.names(), time.Minute)
	kills(twoMains()...)(w.System)
	return w
}

func (w *town) names() (all []string) {
	for _, l := range w.branches {
		all = append(all, l.site)
	}
	return all
}

// configuration has a user at each branch, who has a number outside, and a trunk.
func (w *town) configuration(all []lan) (text string, numbers map[string]string) {
	numbers = map[string]string{}
	var b strings.Builder
	b.WriteString(configuration(all, nil))
	for i, l := range w.branches {
		number := fmt.Sprintf("+32655512%02d", i)
		fmt.Fprintf(&b, "  - {number: %s, site: %s, password: %s, direct: [%q]}\n", l.site, l.site, Password, number)
		numbers[number] = l.site
	}
	b.WriteString("trunks:\n")
	for _, l := range w.branches {
		fmt.Fprintf(&b, "  - {name: %s-isdn, site: %s, address: %s}\n", l.site, l.site, l.address(carrierHost))
	}
	return b.String(), numbers
}

// all has every phone call every other, all callers at the same time, and hang up
// when it was answered.
func (w *town) all(how string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var calling sync.WaitGroup
	connected, longest := 0, time.Duration(0)
	for i, from := range w.branches {
		calling.Go(func() {
			for j := range len(w.branches) - 1 {
				to := w.phones[w.branches[(i+j+1)%len(w.branches)].site]
				took, err := calls(ctx, w.phones[from.site], to)
				mu.Lock()
				if err != nil {
					w.t.Errorf("%s: %s calls %s: %v", how, from.site, to.User(), err)
				} else {
					connected++
				}
				longest = max(longest, took)
				mu.Unlock()
			}
		})
	}
	calling.Wait()
	eventually(w.t, "every phone has heard that its calls are over", 20*time.Second, func() bool {
		return !slices.ContainsFunc(w.branches, func(l lan) bool { return w.phones[l.site].Busy() > 0 })
	})
	w.t.Logf("%s: %d of %d pairs connect, and hang up", how, connected, len(w.pairs()))
	tool.Figure(w.t, "pairs of 56 that do not connect "+how, float64(len(w.pairs())-connected), 0, "")
	tool.Figure(w.t, "longest time until a call is answered "+how, longest.Seconds(), 4, "s")
}

// calls makes a call and ends it.
func calls(ctx context.Context, from, to *extension.Phone) (took time.Duration, err error) {
	began := time.Now()
	c, err := from.Calls(ctx, to.User())
	took = time.Since(began)
	if err != nil {
		return took, err
	}
	return took, c.HangsUp(ctx, to)
}
