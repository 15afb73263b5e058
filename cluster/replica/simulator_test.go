package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The simulator: one owner and several readers that pass on to each other what
// they have, over a network that drops, repeats, reorders and splits; the owner
// restarts, with its memory or without. All is decided by the seed.
type simulator struct {
	random  *rand.Rand
	nodes   []*simulated // the first is the owner
	flying  []message
	apart   int                       // those below it and the others do not hear each other
	base    map[uint64]uint64         // versions that an incarnation began with
	history map[uint64][]Entry        // what the owner ever wrote, by incarnation
	sent    map[[2]int]Cursor         // how far one node thinks another is
	told    map[int]map[string]string // what each was told, added up
}

type simulated struct{ *Replica }

type message struct {
	from, to int
	delta    []byte
	cursor   *Cursor
}

func newSimulator(seed uint64, nodes int) *simulator {
	s := &simulator{random: rand.New(rand.NewPCG(seed, 1)), base: map[uint64]uint64{}, history: map[uint64][]Entry{}, sent: map[[2]int]Cursor{}, told: map[int]map[string]string{}}
	for i := range nodes {
		s.nodes = append(s.nodes, &simulated{New("owner", "reg")})
		s.told[i] = map[string]string{}
	}
	s.nodes[0].Renew(1)
	return s
}

func (s *simulator) one(n int) bool { return s.random.IntN(n) == 0 }

func (s *simulator) write() {
	o := s.nodes[0]
	key := fmt.Sprint(s.random.IntN(8))
	switch {
	case s.one(40):
		o.Renew(o.Inc + 1 + s.random.Uint64N(3))
		s.base[o.Inc] = o.Max
		s.history[o.Inc] = append([]Entry(nil), s.snapshot(o)...)
		return
	case s.one(60): // lost its memory, and knows only its incarnation
		inc := o.Inc + 1
		s.nodes[0] = &simulated{New("owner", "reg")}
		s.nodes[0].Renew(inc)
		return
	case s.one(15):
		o.Collect(s.random.Uint64N(o.Max + 1))
		return
	case s.one(3):
		if !o.Delete(key) {
			return
		}
		s.history[o.Inc] = append(s.history[o.Inc], Entry{Key: key, Version: o.Max, Deleted: true})
	default:
		value := []byte{byte(s.random.IntN(100))}
		if !o.Set(key, value) {
			return
		}
		s.history[o.Inc] = append(s.history[o.Inc], Entry{Key: key, Value: value, Version: o.Max})
	}
}

// snapshot is the history that a new incarnation starts from.
func (s *simulator) snapshot(o *simulated) (list []Entry) {
	for _, at := range o.order {
		if !at.isStale() {
			list = append(list, Entry{Key: at.entry.key, Value: at.entry.value, Version: at.version, Deleted: at.entry.deleted})
		}
	}
	return list
}

// push has one node send another what it thinks that it lacks.
func (s *simulator) push(from, to int) {
	pair := [2]int{from, to}
	d, ok := s.nodes[from].DeltaSince(s.sent[pair], 1+s.random.IntN(120))
	if !ok {
		d = s.nodes[from].Offer()
		if d.Inc == 0 {
			return
		}
	} else {
		s.sent[pair] = d.Next()
	}
	b, _ := d.MarshalBinary()
	s.flying = append(s.flying, message{from: from, to: to, delta: b})
}

func (s *simulator) cut(m message) bool { return (m.from < s.apart) != (m.to < s.apart) }

// deliver takes any message from the air, and sometimes leaves a copy there.
func (s *simulator) deliver(t *testing.T) {
	t.Helper()
	if len(s.flying) == 0 {
		return
	}
	i := s.random.IntN(len(s.flying))
	m := s.flying[i]
	if !s.one(10) {
		s.flying = append(s.flying[:i], s.flying[i+1:]...)
	}
	if s.cut(m) || s.one(10) {
		return
	}
	s.receive(t, m)
}

func (s *simulator) receive(t *testing.T, m message) {
	t.Helper()
	if m.cursor != nil {
		s.sent[[2]int{m.to, m.from}] = *m.cursor
		return
	}
	var d Delta
	if err := d.UnmarshalBinary(m.delta); err != nil {
		t.Fatal(err)
	}
	if m.to == 0 {
		return
	}
	before := s.nodes[m.to].Inc
	changes, result, at := s.nodes[m.to].Apply(d)
	for _, x := range changes {
		s.checkGone(t, m.to, before, x)
		if s.told[m.to][x.Key] = string(x.Value); x.Deleted {
			delete(s.told[m.to], x.Key)
		}
	}
	if result == Gap || result == NeedSnapshot {
		s.flying = append(s.flying, message{from: m.to, to: m.from, cursor: &at})
	}
	s.check(t, m.to)
}

// check compares a reader with the history of what it claims to have: it has
// just the last word about each key, unless there is a later one that it does
// not claim yet: then it may have an older one.
func (s *simulator) check(t *testing.T, node int) {
	t.Helper()
	r := s.nodes[node]
	last, final := map[string]Entry{}, map[string]Entry{}
	written := map[string]bool{}
	for _, e := range s.history[r.Inc] {
		if e.Version <= r.Max {
			last[e.Key] = e
			written[e.Key+string(e.Value)] = !e.Deleted
		}
		final[e.Key] = e
	}
	got := contents(r.Replica)
	for key, e := range last {
		if value, ok := got[key]; final[key].Version == e.Version && (ok == e.Deleted || value != string(e.Value)) {
			t.Fatalf("node %d at %v: %s is %v %v, want %+v", node, r.Cursor(), key, ok, value, e)
		}
	}
	for key, value := range got {
		if !written[key+value] {
			t.Fatalf("node %d at %v: %s was never %v", node, r.Cursor(), key, value)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(s.told[node]) {
		t.Fatalf("node %d has %v, was told %v", node, got, s.told[node])
	}
}

// checkGone wants that a key is gone only if the owner deleted it, or came back
// without it: half of a copy must not count as the whole.
func (s *simulator) checkGone(t *testing.T, node int, before uint64, x Change) {
	t.Helper()
	if !x.Deleted {
		return
	}
	inc := s.nodes[node].Inc
	for i, e := range s.about(inc, x.Key) {
		if e.Deleted || i == 0 && inc != before && e.Version > s.base[inc] {
			return
		}
	}
	if len(s.about(inc, x.Key)) > 0 {
		t.Fatalf("node %d at %v lost %s", node, s.nodes[node].Cursor(), x.Key)
	}
}

// about returns what the owner ever wrote about a key in an incarnation.
func (s *simulator) about(inc uint64, key string) (list []Entry) {
	for _, e := range s.history[inc] {
		if e.Key == key {
			list = append(list, e)
		}
	}
	return list
}

// settle stops the writing and the faults, and has all send to all until all
// are equal.
func (s *simulator) settle(t *testing.T) {
	t.Helper()
	s.apart = 0
	for range 400 {
		for from := range s.nodes {
			for to := range s.nodes {
				if from != to && to != 0 {
					s.push(from, to)
				}
			}
		}
		for len(s.flying) > 0 {
			m := s.flying[0]
			s.flying = s.flying[1:]
			s.receive(t, m)
		}
		if s.settled() {
			return
		}
	}
	for i, n := range s.nodes {
		t.Errorf("node %d at %v: %v", i, n.Cursor(), contents(n.Replica))
	}
	t.Fatal("they do not become equal")
}

func (s *simulator) settled() bool {
	want := s.nodes[0]
	for _, n := range s.nodes[1:] {
		if n.Inc != want.Inc || n.Max != want.Max || fmt.Sprint(contents(n.Replica)) != fmt.Sprint(contents(want.Replica)) {
			return false
		}
	}
	return true
}

func (s *simulator) step(t *testing.T) {
	t.Helper()
	switch s.random.IntN(8) {
	case 0:
		s.write()
	case 1, 2, 3:
		from, to := s.random.IntN(len(s.nodes)), 1+s.random.IntN(len(s.nodes)-1)
		if from != to {
			s.push(from, to)
		}
	case 4:
		if s.one(20) {
			s.apart = s.random.IntN(len(s.nodes))
		}
		if s.one(10) { // a connection ends: both begin with what the reader says
			s.sent = map[[2]int]Cursor{}
		}
	default:
		s.deliver(t)
	}
}

func TestSimulated(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 30
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			s := newSimulator(seed, 3+int(seed%4))
			for range 2000 {
				s.step(t)
			}
			s.settle(t)
		})
	}
}
