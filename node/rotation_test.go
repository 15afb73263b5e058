package node

import (
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/session"
	"carillon/store"
)

const year = 365 * 24 * time.Hour

// TestDue: a certificate is renewed when a third of its time is left, whatever a
// clock says that was never set.
func TestDue(t *testing.T) {
	a, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	key, request, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, tt := range map[string]struct {
		begun, now time.Duration
		want       bool
	}{
		"new":                              {0, 0, false},
		"two thirds of its time":           {0, link.Lifetime*2/3 - time.Hour, false},
		"a third left":                     {0, link.Lifetime*2/3 + time.Hour, true},
		"ended":                            {0, 10 * year, true},
		"five minutes ahead":               {5 * time.Minute, 0, false},
		"issued by a clock of later":       {20 * year, 0, true},
		"in 1970":                          {0, -time.Since(time.Unix(0, 0)), false},
		"in 1970, issued by a clock ahead": {20 * year, -time.Since(time.Unix(0, 0)), false},
	} {
		certificate, err := a.IssueAt(now.Add(tt.begun), request, "mons", link.LifeGUARD)
		if err != nil {
			t.Fatal(err)
		}
		own, err := key.Identity(certificate, a.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		if got := due(now.Add(tt.now), &own); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestOverdue: a node says when its certificate ends, and a day after it should have
// been renewed that it was not, each day once.
func TestOverdue(t *testing.T) {
	n := founded(t)
	_, ends := n.certificate.Load().Validity()
	var said log
	r := n.system.rotation
	r.log, r.clock = slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return n.o.clock() }
	for _, tt := range []struct {
		left time.Duration
		want bool
	}{{link.Lifetime, false}, {link.Lifetime / 3, false}, {link.Lifetime/3 - 25*time.Hour, true}, {-year, true}} {
		n.o.clock = func() time.Time { return ends.Add(-tt.left) }
		r.warn()
		s := n.status()
		if !s.CertificateEnds.Equal(ends) || s.CertificateOverdue != tt.want {
			t.Errorf("%v left: got %v, overdue %v", tt.left, s.CertificateEnds, s.CertificateOverdue)
		}
		if got := strings.Contains(said.String(), "should have been renewed"); got != tt.want {
			t.Errorf("%v left: it warns: %v", tt.left, got)
		}
	}
	if got := strings.Count(said.String(), "should have been renewed"); got != 1 {
		t.Errorf("it warns %d times", got)
	}
}

// TestWhoIsOut: the list of those that are out decides while a certificate is good,
// the list of those that are in when it has ended.
func TestWhoIsOut(t *testing.T) {
	n := founded(t)
	key := n.certificate.Load().Fingerprint()
	propose(t, n.config, store.SetNode{By: store.Author{At: time.Now()}, Node: mons("aa")})
	propose(t, n.config, store.RemoveNode{By: store.Author{At: time.Now()}, Name: "mons"})
	n.outcasts.add("bb")
	hour, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	shown := func(node, key string, ends time.Time) link.Shown {
		return link.Shown{Peer: link.Peer{Node: node, Role: link.LifeGUARD}, Key: key, Ends: ends}
	}
	for name, tt := range map[string]struct {
		shown link.Shown
		clock time.Duration
		want  bool
	}{
		"one that has just come":                 {shown("namur", "cc", hour), 0, false},
		"a removed one":                          {shown("mons", "aa", hour), 0, true},
		"one that a main has told of":            {shown("liege", "bb", hour), 0, true},
		"one removed by a former version":        {link.Shown{Peer: link.Peer{Node: "mons", Role: link.LifeGUARD}, Key: "ee", Certificate: "aa", Ends: hour}, 0, true},
		"a removed one that is forgotten":        {shown("mons", "dd", past), 0, true},
		"a listed one whose certificate ended":   {shown("laurel", key, past), 0, false},
		"another one under its name":             {shown("laurel", "cc", past), 0, true},
		"a listed one, by a clock of later":      {shown("laurel", key, hour), 70 * year, false},
		"a forgotten one, by a clock of 1970":    {shown("mons", "dd", past), -time.Since(time.Unix(0, 0)), true},
		"one that has just come, clock of 1970":  {shown("namur", "cc", hour), -time.Since(time.Unix(0, 0)), false},
		"a removed one, by a clock of 1970":      {shown("mons", "aa", hour), -time.Since(time.Unix(0, 0)), true},
		"one that has just come, clock of later": {shown("namur", "cc", hour), 70 * year, true}, // until the View has come
	} {
		n.o.clock = func() time.Time { return time.Now().Add(tt.clock) }
		if got := n.isRevoked(tt.shown); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func mons(certificate string) store.Node {
	n := written("mons", RoleLifeguard, firstSite)
	n.Certificate = certificate
	return n
}

// TestRevokedIsLongEnough: what is forgotten has ended, by the certificates too that
// those have who have heard of it last.
func TestRevokedIsLongEnough(t *testing.T) {
	if store.RevokedFor < 2*link.Lifetime {
		t.Errorf("a key is forgotten after %v, and its certificates last %v", store.RevokedFor, link.Lifetime)
	}
}

func (w *town) begun(name string) time.Time {
	begun, _ := w.nodes[name].certificate.Load().Validity()
	return begun
}

func (w *town) linked(from, to string) {
	w.t.Helper()
	w.eventually(from+" hears "+to, func() bool {
		return slices.ContainsFunc(w.nodes[from].peers.links(), func(l session.Link) bool { return l.Node == to && l.State == session.Up })
	})
}

// TestRenewalClosesNothing: a year later all have another certificate, for the same
// key; no connection was closed, and no revision of the configuration made.
func TestRenewalClosesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.linked("laurel", "mons")
	w.linked("mons", "laurel")
	var open []net.Conn
	for _, protocol := range []string{link.ProtocolRing, link.ProtocolSIP, link.ProtocolAsk} {
		open = append(open, w.opens("mons", "laurel", protocol), w.opens("laurel", "mons", protocol))
	}
	before, names := w.nodes["laurel"].config.View(), []string{"laurel", "mons"}
	since := w.nodes["laurel"].peers.links()[0].Since
	w.ahead.Store(int64(year + 10*24*time.Hour))
	for _, name := range names {
		w.nodes[name].system.rotation.hurry()
		w.eventually(name+" has another certificate", func() bool { return w.begun(name).After(time.Now().Add(year)) })
	}
	for i, c := range open {
		if !isOpen(c) {
			t.Errorf("connection %d was closed", i)
		}
	}
	w.opens("mons", "laurel", link.ProtocolSIP)
	w.opens("laurel", "mons", link.ProtocolSIP)
	if got := w.nodes["laurel"].peers.links()[0]; got.State != session.Up || got.Since != since {
		t.Errorf("the link was down: %+v", got)
	}
	if got := w.nodes["laurel"].config.View(); got.Index() != before.Index() || got.Hash() != before.Hash() {
		t.Errorf("got revision %d, want %d still", got.Index(), before.Index())
	}
	if said := happened(w.nodes["mons"].events); !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "certificate was renewed, until 20") }) {
		t.Errorf("it does not tell: %q", said)
	}
	w.nodes["mons"].stop()
	w.start(w.nodes["mons"].o)
	if !w.begun("mons").After(time.Now().Add(year)) {
		t.Error("the new certificate is not on disk")
	}
}

// TestACupboard: a system that was switched off for years, so that all certificates
// have ended, comes up by itself, and one of its branches with a clock of 1970. One
// that was removed does not come back with it.
func TestACupboard(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy")
	w.open("mons", RoleLifeguard, "laurel")
	w.open("namur", RoleLifeguard, "laurel")
	for _, name := range []string{"namur", "mons", "hardy", "laurel"} {
		w.nodes[name].stop()
	}
	w.ahead.Store(int64(5 * year))
	early := w.nodes["mons"].o
	early.clock = func() time.Time { return time.Unix(100, 0) }
	w.start(early)
	for _, name := range []string{"laurel", "hardy", "namur"} {
		w.start(w.nodes[name].o)
	}
	for _, pair := range [][2]string{{"laurel", "hardy"}, {"hardy", "mons"}, {"mons", "laurel"}, {"namur", "hardy"}} {
		w.linked(pair[0], pair[1])
	}
	w.writable("mons")
	for _, name := range []string{"laurel", "hardy", "namur"} {
		w.eventually(name+" has another certificate", func() bool { return w.begun(name).After(time.Now().Add(4 * year)) })
	}
	w.nodes["namur"].stop()
	w.removes("hardy", "namur")
	w.start(w.nodes["namur"].o)
	w.isOutAt("namur", "u1", nil, "laurel", "hardy", "mons")
}

// TestAnotherKey: the former one opens nothing any more, phones stay known, a main
// keeps its vote; whatever step is the last before a crash.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy")
	w.open("mons", RoleLifeguard, "laurel")
	w.registers("u1", "mons", "laurel", "hardy")
	with := w.opens("mons", "laurel", link.ProtocolSIP) // the key that somebody may have copied
	_, stray, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.nodes["mons"].peers.ask(t.Context(), w.nodes["laurel"].self(), askRenewal, stray); err == nil || !strings.Contains(err.Error(), "not the key of mons") {
		t.Errorf("a certificate for a key that the View does not name: got %v", err)
	}
	copied, old := *w.nodes["mons"].certificate.Load(), *w.nodes["mons"].certificate.Load()
	if _, refused := w.nodes["mons"].RenewNode(t.Context(), "hardy"); refused == nil || !strings.Contains(refused.Error(), "ask for it at a main") {
		t.Errorf("for a main, at a LifeGUARD: got %v", refused)
	}
	for _, x := range [][2]string{{"laurel", "mons"}, {"mons", "mons"}, {"laurel", "hardy"}, {"laurel", "laurel"}} {
		at, name := x[0], x[1]
		old = *w.nodes[name].certificate.Load()
		was, _ := w.nodes["laurel"].config.View().Node(name)
		if _, err = w.nodes[at].RenewNode(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		w.hasKey(name, old, was)
	}
	w.eventually("what was open with the former key is closed", func() bool { return !isOpen(with) })
	w.writable("hardy")
	if got := w.nodes["laurel"].quorum.Voters(); !slices.Equal(got, []string{"hardy", "laurel"}) {
		t.Errorf("got votes of %q", got)
	}
	for _, at := range []string{"laurel", "hardy"} {
		if len(w.nodes[at].bindings.Of("u1")) == 0 {
			t.Errorf("%s has forgotten the phone", at)
		}
	}
	w.nodes["mons"].stop()
	thief, err := link.Open(link.Options{Listen: w.nodes["mons"].address, Identity: copied})
	if err != nil {
		t.Fatal(err)
	}
	c, err := thief.Dial(t.Context(), "laurel", w.nodes["laurel"].address, link.ProtocolSIP)
	if err == nil && isOpen(c) {
		t.Error("the former key opens a connection")
	}
	_ = thief.Close()

	// The first step is the last before a crash: the key is on disk, nobody knows it.
	key, _, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	w.crashed("mons", func(i *identity) { i.NextKey = key.Marshal() })
	// The second: everybody knows it, and there is no certificate for it.
	key, _, err = link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	w.nodes["mons"].stop()
	w.isNext(key)
	w.crashed("mons", func(i *identity) { i.NextKey = key.Marshal() })
	// The third: the certificate is on disk, and the View lists the former key.
	key, request, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	w.nodes["mons"].stop()
	w.isNext(key)
	certificate, err := w.nodes["laurel"].authority.Issue(request, "mons", link.LifeGUARD)
	if err != nil {
		t.Fatal(err)
	}
	own, err := key.Identity(certificate, old.Authority())
	if err != nil {
		t.Fatal(err)
	}
	w.crashed("mons", func(i *identity) { i.Certificate = own.Marshal() })
}

// isNext has the View name the key that follows that of mons, which is not there.
func (w *town) isNext(key *link.Key) {
	w.t.Helper()
	n, _ := w.nodes["laurel"].config.View().Node("mons")
	var err error
	if n.Next, err = key.Fingerprint(); err != nil {
		w.t.Fatal(err)
	}
	propose(w.t, w.nodes["laurel"].config, store.SetNode{By: store.Author{At: time.Now()}, Node: n})
}

// crashed starts a node with what it has on disk, changed like this, and waits until
// it has another key.
func (w *town) crashed(name string, f func(*identity)) {
	w.t.Helper()
	w.nodes[name].stop()
	d, err := openDirectory(w.nodes[name].o.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	if err = d.changeIdentity(f); err != nil {
		w.t.Fatal(err)
	}
	if err = d.Close(); err != nil {
		w.t.Fatal(err)
	}
	old := *w.nodes[name].certificate.Load()
	was, _ := w.nodes["laurel"].config.View().Node(name)
	w.start(w.nodes[name].o)
	w.hasKey(name, old, was)
}

// hasKey waits until a node has another key than before, and everybody knows that.
func (w *town) hasKey(name string, old link.Identity, was store.Node) {
	w.t.Helper()
	for at := range w.nodes {
		w.eventually(at+" lists another key of "+name, func() bool {
			view := w.nodes[at].config.View()
			n, _ := view.Node(name)
			return n.Certificate != old.Fingerprint() && n.Certificate == w.nodes[name].certificate.Load().Fingerprint() &&
				n.Next == "" && n.Epoch == was.Epoch && view.IsRevoked(old.Fingerprint())
		})
		if at != name {
			w.linked(at, name)
		}
	}
	have, err := readIdentity(&directory{path: w.nodes[name].o.Data})
	if err != nil || len(have.NextKey) > 0 {
		w.t.Errorf("%s still has a key that is to follow: %v", name, err)
	}
}
