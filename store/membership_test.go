package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The first and second node of the system that these tests are about.
func laurel() Node {
	return Node{Name: "laurel", Role: Main, Site: "hq", Address: netip.MustParseAddrPort("192.0.2.1:7946"), Certificate: "aa"}
}

func hardy(certificate string) Node {
	return Node{Name: "hardy", Role: Lifeguard, Site: "mons", Address: netip.MustParseAddrPort("192.0.2.2:7946"), Certificate: certificate}
}

// system is a View with one node and a token that is good for an hour.
func system(t *testing.T, now time.Time) *View {
	t.Helper()
	v := NewView(Config{})
	for _, c := range []Change{
		Found{Replace: ReplaceAll(example(), Author{Who: "root"}), Node: laurel()},
		AddToken{By: Author{At: now}, Token: JoinToken{Hash: "t1", Expires: now.Add(time.Hour)}},
	} {
		var err error
		if v, err = again(t, c).On(v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// again returns c as it comes out of the log.
func again(t *testing.T, c Change) Change {
	t.Helper()
	b, err := EncodeChange(c)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = DecodeChange(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestJoinConsumesTheToken(t *testing.T) {
	now := time.Now()
	v, err := again(t, Join{By: Author{At: now}, Token: "t1", Node: hardy("bb"), Was: Key{1}, Next: Key{2}}).On(system(t, now))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Keys(); len(got) > 0 {
		t.Errorf("nobody was replaced, and there are %d keys", len(got))
	}
	if n, ok := v.Node("hardy"); !ok || n.Epoch != 1 || v.SiteOf(n) != "mons" {
		t.Errorf("got %+v, %v", n, ok)
	}
	if _, ok := v.Token("t1"); ok {
		t.Error("the token can be used twice")
	}
	next := v.Config()
	next.Tokens = append(next.Tokens, JoinToken{Hash: "t2", Expires: now.Add(time.Hour)})
	if v, err = again(t, Join{By: Author{At: now}, Token: "t2", Node: hardy("cc"), Was: Key{1}, Next: Key{2}}).On(NewView(next)); err != nil {
		t.Fatal(err)
	}
	if got := firsts(v); !slices.Equal(got, []byte{1, 2}) {
		t.Errorf("a node was replaced: got keys %v, want that which it had and another", got)
	}
	if n, _ := v.Node("hardy"); n.Epoch != 2 || !v.IsRevoked("bb") || v.IsRevoked("cc") {
		t.Errorf("got %+v, revoked %v", n, v.config.Revoked)
	}
	b, err := EncodeConfig(v.Config())
	if err != nil {
		t.Fatal(err)
	}
	if c, decodeErr := DecodeConfig(b); decodeErr != nil || NewView(c).Hash() != v.Hash() {
		t.Errorf("got %+v, %v", c, decodeErr)
	}
}

// TestJoinAgain: whose answer was lost may ask again, another may not.
func TestJoinAgain(t *testing.T) {
	now := time.Now()
	first := Join{By: Author{At: now}, Token: "t1", Node: hardy("bb")}
	v, err := first.On(system(t, now))
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.On(v)
	if err != nil || next.Hash() != v.Hash() {
		t.Errorf("the same again: got %v, %v", next.Config(), err)
	}
	for _, n := range []Node{hardy("cc"), hardy("")} {
		if _, err = (Join{By: Author{At: now}, Token: "t1", Node: n}).On(v); err == nil || !strings.Contains(err.Error(), "used already") {
			t.Errorf("with certificate %q: got %v, want that the token was used", n.Certificate, err)
		}
	}
}

func TestMembershipRefusals(t *testing.T) {
	now := time.Now()
	elsewhere, twin := hardy("bb"), hardy("bb")
	elsewhere.Site = "bergen"
	twin.Address = laurel().Address
	other := laurel()
	other.Certificate = "zz"
	at := func(d time.Duration) Author { return Author{At: now.Add(d)} }
	tests := []struct {
		name   string
		change Change
		want   string
	}{
		{"a token that nobody made", Join{By: at(0), Token: "t9", Node: hardy("bb")}, "not known here"},
		{"a token that is too old", Join{By: at(2 * time.Hour), Token: "t1", Node: hardy("bb")}, "has expired"},
		{"a site that is none", Join{By: at(0), Token: "t1", Node: elsewhere}, `no site "bergen": it has hq, mons`},
		{"an address that is taken", Join{By: at(0), Token: "t1", Node: twin}, "is the address of node laurel"},
		{"a node that was replaced", SetNode{Node: other}, "it was replaced"},
		{"the only main goes", RemoveNode{Name: "laurel"}, "the only main"},
		{"nobody goes", RemoveNode{Name: "hardy"}, `no node "hardy"`},
		{"the site of a node goes", Replace{Sites: []Site{{Name: "mons"}}, Users: []User{}, Trunks: []Trunk{}}, "the site hq must stay while node laurel stands there"},
		{"a token without an end", AddToken{Token: JoinToken{Hash: "x"}}, "needs a secret and an end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.change.On(system(t, now)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestWhomATokenAdmits: one for a role at a site lets nobody else in, nor in the
// place of somebody else, a dead main for one.
func TestWhomATokenAdmits(t *testing.T) {
	now := time.Now()
	add := AddToken{By: Author{At: now}, Token: JoinToken{Hash: "t2", Expires: now.Add(time.Hour), Role: Lifeguard, Site: "mons"}}
	main, abroad, usurper := hardy("bb"), hardy("bb"), hardy("bb")
	main.Role, abroad.Site, usurper.Name = Main, "hq", "laurel"
	for _, tt := range []struct {
		name string
		node Node
		want string
	}{
		{"what it is for", hardy("bb"), ""},
		{"a main", main, "lets only a lifeguard join, at mons"},
		{"another site", abroad, "lets only a lifeguard join, at mons"},
		{"in the place of a main", usurper, "does not let anybody replace laurel, which is a main at hq"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := again(t, add).On(system(t, now))
			if err != nil {
				t.Fatal(err)
			}
			b, err := EncodeConfig(v.Config())
			if err != nil {
				t.Fatal(err)
			}
			c, err := DecodeConfig(b)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Join{By: Author{At: now}, Token: "t2", Node: tt.node}.On(NewView(c))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	half := add
	half.Token.Site = ""
	if _, err := half.On(system(t, now)); err == nil {
		t.Error("a role without a site was taken")
	}
}

// TestARemovedNodeStaysOut: what it still says of itself does not bring it back.
func TestARemovedNodeStaysOut(t *testing.T) {
	now := time.Now()
	v, err := (Join{By: Author{At: now}, Token: "t1", Node: hardy("bb")}).On(system(t, now))
	if err != nil {
		t.Fatal(err)
	}
	if v, err = again(t, RemoveNode{By: Author{At: now}, Name: "hardy"}).On(v); err != nil {
		t.Fatal(err)
	}
	if _, known := v.Node("hardy"); known || !v.IsRevoked("bb") {
		t.Errorf("got %+v, revoked %v", v.Nodes(), v.config.Revoked)
	}
	if _, err = (SetNode{Node: hardy("bb")}).On(v); err == nil || !strings.Contains(err.Error(), "hardy was removed") {
		t.Errorf("got %v, want that it was removed", err)
	}
}

func TestGoingBackKeepsTheNodes(t *testing.T) {
	v := system(t, time.Now())
	next, err := ReplaceAll(example(), Author{}).On(v)
	if err != nil {
		t.Fatal(err)
	}
	if next.Hash() != v.Hash() {
		t.Errorf("got %+v, want %+v", next.Config(), v.Config())
	}
}

func TestConfigOfVersionOne(t *testing.T) {
	body, err := encode(tagConfig, wireConfig1{Domain: "tel.example.org", Sites: []wireSite{}, Users: []wireUser{}, Trunks: []wireTrunk{}})
	if err != nil {
		t.Fatal(err)
	}
	body[1] = 1 // CBOR: an array of three, whose first is the version
	if c, decodeErr := DecodeConfig(body); decodeErr != nil || c.Domain != "tel.example.org" {
		t.Errorf("got %+v, %v", c, decodeErr)
	}
}

// TestTakeOverIsRemembered: it changes nothing but the history, and only a main
// can.
func TestTakeOverIsRemembered(t *testing.T) {
	v := system(t, time.Now())
	c := again(t, TakeOver{By: Author{Who: "root"}, Node: "laurel", Missing: []string{"hardy", "stan"}})
	next, err := c.On(v)
	if err != nil || next.Hash() != v.Hash() {
		t.Fatalf("got %v, want the same content", err)
	}
	r := NewRevision(c, v, next.At(v.Index()+1))
	if r.Who != "root" || len(r.Summary) != 1 || r.Summary[0] != "! laurel took over: no answer from hardy, stan" {
		t.Errorf("got %+v", r)
	}
	if _, err = (TakeOver{Node: "mons"}).On(v); err == nil {
		t.Error("a node that is no main took over")
	}
}

// TestAnotherKey: a key follows when it has been named, is in force when its node
// says so, and both go with the node.
func TestAnotherKey(t *testing.T) {
	now := time.Now()
	v, err := (Join{By: Author{At: now}, Token: "t1", Node: hardy("k1")}).On(system(t, now))
	if err != nil {
		t.Fatal(err)
	}
	says := func(certificate, next string) {
		t.Helper()
		n := hardy(certificate)
		n.Next = next
		if v, err = again(t, SetNode{By: Author{At: now}, Node: n}).On(v); err != nil {
			t.Fatal(err)
		}
	}
	has := func(certificate, next string, revoked ...string) {
		t.Helper()
		n, _ := v.Node("hardy")
		var out []string
		for _, r := range v.config.Revoked {
			if out = append(out, r.Certificate); !r.Until.Equal(now.Add(RevokedFor).Truncate(time.Millisecond)) {
				t.Errorf("%s is remembered until %v", r.Certificate, r.Until)
			}
		}
		if n.Certificate != certificate || n.Next != next || n.Epoch != 1 || n.Token != "t1" || !slices.Equal(out, revoked) {
			t.Errorf("got %+v, revoked %q, want %q, %q, revoked %q", n, out, certificate, next, revoked)
		}
	}
	if _, err = (SetNode{Node: hardy("k2")}).On(v); err == nil {
		t.Error("a key that nobody has named is in force")
	}
	says("k1", "k2")
	has("k1", "k2")
	says("k1", "") // a disk that was rolled back
	has("k1", "k2")
	says("k2", "")
	has("k2", "", "k1")
	if _, err = (SetNode{Node: hardy("k1")}).On(v); err == nil {
		t.Error("the former key is back")
	}
	says("k2", "k3")
	says("k2", "k4")
	has("k2", "k4", "k1", "k3")
	for _, theft := range []Node{{Certificate: "k1"}, {Next: "k4"}, {Certificate: "k4"}, {Next: "k3"}} {
		n := laurel()
		n.Next = theft.Next
		if theft.Certificate != "" {
			n.Name, n.Certificate, n.Address = "stan", theft.Certificate, netip.MustParseAddrPort("192.0.2.9:7946")
		}
		if _, err = (SetNode{Node: n}).On(v); err == nil {
			t.Errorf("%s has a key of hardy's", n.Name)
		}
	}
	if v, err = (RemoveNode{By: Author{At: now}, Name: "hardy"}).On(v); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k1", "k2", "k3", "k4"} {
		if !v.IsRevoked(key) {
			t.Errorf("%s is not revoked", key)
		}
	}
}

// TestRevokedIsBounded: where there are many, those are forgotten whose certificates
// have ended; a clock of later forgets none of few.
func TestRevokedIsBounded(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const every = 24 * time.Hour
	c := Config{Ordered: true}
	for i := range 3000 {
		c.revoke(start.Add(time.Duration(i)*every), Node{}, fmt.Sprint("key", i))
	}
	if got, want := len(c.Revoked), int(RevokedFor/every)+1; got > want {
		t.Errorf("got %d of 3000, want %d at most", got, want)
	}
	if !NewView(c).IsRevoked("key2999") || !NewView(c).IsRevoked("key2000") || NewView(c).IsRevoked("key1") {
		t.Error("others are forgotten than the oldest")
	}
	if !c.Closed {
		t.Error("who was forgotten is let in again if a clock was wrong")
	}
	few := Config{Revoked: []Revoked{{Certificate: "of long ago"}, {Certificate: "aa", Until: start}}}
	few.revoke(start.AddDate(70, 0, 0), Node{}, "bb")
	if len(few.Revoked) != 3 || few.Closed {
		t.Errorf("got %v, closed %v, want all three", few.Revoked, few.Closed)
	}
}

// TestAWrongClockLetsNobodyIn: a node whose clock is years ahead says something of
// itself, and those that are out are forgotten: who is not listed stays out.
func TestAWrongClockLetsNobodyIn(t *testing.T) {
	now := time.Now()
	v, err := (Join{By: Author{At: now}, Token: "t1", Node: hardy("k1")}).On(system(t, now))
	if err != nil {
		t.Fatal(err)
	}
	c := v.Config()
	c.Ordered = true
	for i := range mostRevoked {
		c.revoke(now, Node{}, fmt.Sprint("key", i))
	}
	n := hardy("k1")
	n.Next = "k2"
	if v, err = (SetNode{By: Author{At: now}, Node: n}).On(NewView(c)); err != nil || v.IsClosed() {
		t.Fatalf("got closed %v, %v", v.IsClosed(), err)
	}
	if v, err = again(t, SetNode{By: Author{At: now.AddDate(20, 0, 0)}, Node: hardy("k2")}).On(v); err != nil {
		t.Fatal(err)
	}
	if v.IsRevoked("key1") || !v.IsClosed() || !v.Lists("hardy", "k2") {
		t.Errorf("key1 is remembered: %v; closed: %v, want that it is not, and closed", v.IsRevoked("key1"), v.IsClosed())
	}
}

// TestRevokedOfBefore: up to version 5 the list had fingerprints alone.
func TestRevokedOfBefore(t *testing.T) {
	b, err := cbor.Marshal([]any{"aa", []any{"bb", 5}})
	if err != nil {
		t.Fatal(err)
	}
	var w []wireRevoked
	if err = decode(b, &w); err != nil || len(w) != 2 || w[0].Certificate != "aa" || w[1].Until != 5 {
		t.Errorf("got %+v, %v", w, err)
	}
}
