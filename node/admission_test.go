package node

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
)

// founded is a main that is open and does not run.
func founded(t *testing.T) *Node {
	t.Helper()
	o := options(t)
	o.Name = "laurel"
	n, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// token makes a token at n and returns its hash.
func token(t *testing.T, n *Node, ttl time.Duration) string {
	t.Helper()
	made, err := n.system.NewToken(t.Context(), "root", ttl)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := link.ParseToken(made.Token)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Hash()
}

func asking(t *testing.T, name string, role link.Role, at string) link.Request {
	t.Helper()
	_, csr, err := link.NewRequest(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Request{Node: name, Role: role, Site: firstSite, Address: netip.MustParseAddrPort(at), CSR: csr}
}

// TestAdmitAgain: the answer to a join may be lost. Whoever asks again with the
// same token, name, role and key gets it again; anybody else finds the token
// used.
func TestAdmitAgain(t *testing.T) {
	n := founded(t)
	hash := token(t, n, time.Hour)
	mons := asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946")
	first, err := n.admit(t.Context(), hash, mons)
	if err != nil {
		t.Fatal(err)
	}
	before := n.config.View().Index()
	again, err := n.admit(t.Context(), hash, mons)
	if err != nil || !bytes.Equal(again.Payload, first.Payload) {
		t.Errorf("the same again: got another answer or %v", err)
	}
	if got := n.config.View().Index(); got != before {
		t.Errorf("the same again: got revision %d, want %d still", got, before)
	}
	if _, err = n.admit(t.Context(), "of another token", mons); err == nil || !strings.Contains(err.Error(), "not known here") {
		t.Errorf("the same key with another token: got %v, want that it is not known", err)
	}
	main := mons
	main.Role = link.Main
	for name, r := range map[string]link.Request{
		"another key":  asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946"),
		"another name": asking(t, "namur", link.LifeGUARD, "127.9.9.8:7946"),
		"another role": main,
	} {
		if _, err = n.admit(t.Context(), hash, r); err == nil || !strings.Contains(err.Error(), "used already") {
			t.Errorf("%s: got %v, want that the token was used", name, err)
		}
	}
}

func TestAdmitRefuses(t *testing.T) {
	n := founded(t)
	homeless := asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946")
	homeless.Site = ""
	abroad := asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946")
	abroad.Site = "bergen"
	for _, tt := range []struct {
		name string
		hash string
		r    link.Request
		want string
	}{
		{"no token of ours", "nonsense", asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946"), "not known here"},
		{"a name that is alive", token(t, n, time.Hour), asking(t, "laurel", link.Main, "127.9.9.9:7946"), "laurel is alive"},
		{"no name for a host", token(t, n, time.Hour), asking(t, "Mons.", link.LifeGUARD, "127.9.9.9:7946"), "cannot be the name"},
		{"no site", token(t, n, time.Hour), homeless, "give it --site, one of hq"},
		{"a site that is none", token(t, n, time.Hour), abroad, `no site "bergen"`},
		{"an address that is taken", token(t, n, time.Hour), asking(t, "mons", link.LifeGUARD, n.address.String()), "is the address of node laurel"},
		{"too late", token(t, n, -time.Second), asking(t, "mons", link.LifeGUARD, "127.9.9.9:7946"), "has expired"},
	} {
		if _, err := n.admit(t.Context(), tt.hash, tt.r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if got := len(n.config.View().Nodes()); got != 1 {
		t.Errorf("got %d nodes, want 1", got)
	}
}

// TestJoiningKeepsItsKey: a start that was interrupted while it joined asks with
// the same key the next time; another node in its place does not.
func TestJoiningKeepsItsKey(t *testing.T) {
	o := options(t)
	d, err := openDirectory(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	key := func(name string, secret byte) []byte {
		o.Name = name
		have, key, err := beginJoining(d, o, link.Token{Secret: [16]byte{secret}})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := readIdentity(d)
		if err != nil || !bytes.Equal(kept.Joining, key.Marshal()) || kept.Name != have.Name {
			t.Fatalf("on disk before anybody is asked: got %q, %v", kept.Name, err)
		}
		return kept.Joining
	}
	first := key("mons", 1)
	if !bytes.Equal(key("mons", 1), first) {
		t.Error("the second start has another key")
	}
	if bytes.Equal(key("mons", 2), first) || bytes.Equal(key("namur", 1), first) {
		t.Error("another node, or one that joins anew, has the same key")
	}
}
