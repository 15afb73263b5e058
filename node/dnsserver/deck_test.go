package dnsserver

import (
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"carillon/store"
	"carillon/test/tool"
)

// deckLines returns the records that the deck writes out.
func deckLines(t *testing.T) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(tool.Shared(t, "seeds/000_cef32a89f4286ec2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	record := regexp.MustCompile("(?m)[a-z._-]*tel\\.beip\\.be\\. IN (A|NAPTR|SRV) [^`\n]*")
	for _, line := range record.FindAllString(string(text), -1) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// digs returns what dig prints of an answer, a line for each record. Only what dig
// puts between the fields of a line is another than in the deck.
func digs(t *testing.T, s *Server, from netip.Addr, name, kind string) (lines []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool.Need(t, "dig", "bind9-dnsutils"), "@"+s.Addr().Addr().String(), "-p", "5353", "-b", from.String(),
		"+noall", "+answer", "+nottlid", "+time=10", name, kind).CombinedOutput()
	if err != nil {
		t.Fatalf("dig: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// dig gets the deck's records, byte for byte, where the deck gives them: its
// LifeGUARD from its site, and nowhere else; another site's own, never two.
func TestDigGetsTheDeck(t *testing.T) {
	c := deck().Config()
	c.Sites[0].Address = netip.MustParsePrefix("172.30.42.1/24")
	at := host().As4()
	network := func(third byte, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{at[0], at[1], third, 0}), bits).Masked()
	}
	c.Sites[0].Networks = append(c.Sites[0].Networks, network(251, 24))
	c.Sites[1].Networks = append(c.Sites[1].Networks, network(252, 24))
	c.Sites[2].Networks = append(c.Sites[2].Networks, network(252, 26)) // nested: namur within mons
	v := store.NewView(c)
	lines := deckLines(t)
	if len(lines) != 8 {
		t.Fatalf("the deck has %d records, want 8:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	lifeguard := func(line string) bool { return strings.Contains(line, "lg-") }
	others := slices.DeleteFunc(slices.Clone(lines), lifeguard)
	for _, tt := range []struct {
		what   string
		from   byte // the third of the address
		serves func(string) bool
		want   []string
	}{
		{"the head office", 251, all, others},
		{"the branch", 252, all, lines},
		{"elsewhere", 253, all, others},
		{"the branch, when nobody is known to live", 252, but("laurel", "hardy", "lg-mons", "lg-mons2"), lines},
	} {
		s := started(t, Options{View: func() *store.View { return v }, Serves: tt.serves})
		var got []string
		for _, q := range questionsOf(lines) {
			got = append(got, digs(t, s, netip.AddrFrom4([4]byte{at[0], at[1], tt.from, 200}), q[0], q[1])...)
		}
		got = slices.DeleteFunc(got, func(l string) bool { return strings.Contains(l, " NAPTR ") && !slices.Contains(lines, l) }) // TLS, UDP
		if diff := cmp.Diff(tt.want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s (-deck +dig):\n%s", tt.what, diff)
		}
	}
	s := started(t, Options{View: func() *store.View { return v }, Serves: all})
	got := digs(t, s, netip.AddrFrom4([4]byte{at[0], at[1], 252, 7}), "_sip._tcp.tel.beip.be.", "SRV")
	if len(got) != 3 || got[0] != "_sip._tcp.tel.beip.be. IN SRV 10 50 5060 lg-namur.tel.beip.be." || slices.ContainsFunc(got[1:], lifeguard) {
		t.Errorf("a network within another: got\n%s", strings.Join(got, "\n"))
	}
}

// questionsOf returns name and type of records, each once.
func questionsOf(lines []string) (all [][2]string) {
	for _, line := range lines {
		fields := strings.Fields(line)
		if q := [2]string{fields[0], fields[2]}; !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}
