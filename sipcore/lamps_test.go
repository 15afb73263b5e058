package sipcore

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/store/live"
)

// clearsWithin is how long a lamp may be wrong, and ticks how exactly that is measured.
const (
	clearsWithin = 2 * time.Second
	ticks        = 250 * time.Millisecond
)

// A jury compares all the time what lamps show at every node, and what watchers were
// told, with the calls that phones have.
type jury struct {
	v       *village
	wrong   map[string]time.Time // since when
	said    map[string]bool
	mended  map[[2]string]time.Time
	watches []*lookout
}

// A verdict is what a lamp may show: states by user, call and direction.
type verdict struct {
	state live.DialogState
	sure  bool
	owner string
}

// sits watches until done is closed.
func (j *jury) sits(done <-chan struct{}) {
	tick := time.NewTicker(ticks)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			j.looks(time.Now())
		}
	}
}

// truth is what the phones say.
func (v *village) truth() map[string]verdict {
	v.mu.Lock()
	phones := slices.Clone(v.phones)
	v.mu.Unlock()
	want := make(map[string]verdict)
	for _, h := range phones {
		h.mu.Lock()
		for _, x := range h.talks {
			if h.user == "" {
				continue
			}
			direction := live.Recipient
			if x.calls {
				direction = live.Initiator
			}
			key := h.user + " " + x.callID + " " + direction.String()
			state, sure := x.shows()
			was, known := want[key]
			want[key] = verdict{max(state, was.state), sure && (!known || was.sure), x.affair.owner}
		}
		h.mu.Unlock()
	}
	return want
}

func (j *jury) looks(now time.Time) {
	v := j.v
	v.mu.Lock()
	nodes := maps.Clone(v.nodes)
	cuts := maps.Clone(v.cuts)
	for way, is := range cuts {
		if is {
			j.mended[way] = now
		}
	}
	v.mu.Unlock()
	j.doubtsCuts(cuts)
	want, wrong := v.truth(), make(map[string]bool)
	for name, c := range nodes {
		got := make(map[string]string)
		for _, d := range c.o.Dialogs.All() {
			got[d.User+" "+d.CallID+" "+d.Direction.String()] = d.State.String()
			if _, ok := want[d.User+" "+d.CallID+" "+d.Direction.String()]; !ok {
				if a := v.lost(d.CallID); a == nil || now.After(a.until()) {
					wrong[fmt.Sprintf("%s: a lamp of nobody's call: %s %s %s of %s", name, d.User, d.CallID, d.State, d.Node)] = true
				}
			}
		}
		for key, is := range want {
			if !is.sure || now.Sub(j.mended[[2]string{name, is.owner}]) < 5*time.Second {
				continue
			}
			shown := got[key]
			if shown == "" {
				shown = live.Terminated.String()
			}
			if shown != is.state.String() {
				wrong[fmt.Sprintf("%s: %s is %s, want %s", name, key, shown, is.state)] = true
			}
		}
		j.looksAt(name, c, wrong)
	}
	for what := range j.wrong {
		if !wrong[what] {
			delete(j.wrong, what)
		}
	}
	for what := range wrong {
		if since, ok := j.wrong[what]; !ok {
			j.wrong[what] = now
		} else if now.Sub(since) > clearsWithin && !j.said[what] {
			j.said[what] = true
			v.writes("WRONG: %s", what)
		}
	}
}

// looksAt compares what watchers at a node were told with what it knows.
func (j *jury) looksAt(name string, c *cottage, wrong map[string]bool) {
	for _, w := range j.watches {
		w.mu.Lock()
		if w.node == name && !w.off && w.conn != nil && time.Now().After(w.shaky) {
			got := make(map[string]string)
			for _, d := range c.o.Dialogs.Of(w.of) {
				got[d.CallID+" "+d.Direction.String()] = d.State.String()
			}
			if !maps.Equal(got, w.shown) {
				wrong[fmt.Sprintf("%s: the watcher %s sees of %s %v, want %v", name, w.device, w.of, w.shown, got)] = true
			}
		}
		w.mu.Unlock()
	}
}

// doubtsCuts has nobody ask about calls whose phones are at both sides of a cut.
func (j *jury) doubtsCuts(cuts map[[2]string]bool) {
	for _, h := range j.v.phones {
		h.mu.Lock()
		for _, x := range h.talks {
			if cuts[[2]string{h.node, x.affair.owner}] {
				x.affair.doubt(ringingEnds)
			}
		}
		h.mu.Unlock()
	}
}

// lost returns the affair of a call whose phones have vanished.
func (v *village) lost(callID string) *affair {
	v.mu.Lock()
	defer v.mu.Unlock()
	var latest *affair
	for key, a := range v.affairs {
		if strings.HasPrefix(key, callID) && (latest == nil || a.until().After(latest.until())) {
			latest = a
		}
	}
	return latest
}

func (a *affair) until() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unsure
}

// ends checks that nothing is left anywhere.
func (j *jury) ends() {
	for name, c := range j.v.nodes {
		if n, m, talking, ringing := len(c.o.Dialogs.All()), c.o.Calls.Count(), c.calls.Talking(), c.proxy.Ringing(); n+m+len(talking)+ringing > 0 {
			j.v.writes("WRONG: %s has at the end %d lamps, %d calls, %v talking, %d ringing", name, n, m, talking, ringing)
			j.said[name] = true
		}
		if was := c.calls.Mistaken() + c.events.Counters().Mistaken; was != 0 {
			j.v.writes("WRONG: the auditor of %s found something: %v", name, was)
			j.said[name] = true
		}
	}
}

// TestLampsNeverStick plays call flows at random: see scene. CARILLON_FLOWS says how many
// (10,000 is the whole of it), CARILLON_FLOW plays the one of that seed and says all.
func TestLampsNeverStick(t *testing.T) {
	flows, first := 200, 1
	if n, err := strconv.Atoi(os.Getenv("CARILLON_FLOWS")); err == nil {
		flows = n
	}
	if n, err := strconv.Atoi(os.Getenv("CARILLON_FLOW")); err == nil {
		first, flows = n, 1
	}
	var all tally
	for seed := first; seed < first+flows; seed++ {
		synctest.Test(t, func(inside *testing.T) {
			counts, wrong := playScene(inside, uint64(seed))
			all.add(counts)
			if wrong != "" {
				t.Error(wrong)
			}
		})
	}
	t.Logf("%d flows: %+v", flows, all)
}

// A tally counts what happened in scenes.
type tally struct {
	Calls, Answered, Canceled, Refused, Cuts, Kills, Vanished int
}

func (a *tally) add(b tally) {
	a.Calls += b.Calls
	a.Answered += b.Answered
	a.Canceled += b.Canceled
	a.Refused += b.Refused
	a.Cuts += b.Cuts
	a.Kills += b.Kills
	a.Vanished += b.Vanished
}
