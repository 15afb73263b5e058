package names

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// named.conf: two views, and nothing that only costs BIND time.
const conf = `options {
	directory "%[1]s";
	listen-on port 5354 { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	allow-query { any; };
	notify no;
};
controls { };
logging { category default { null; }; };
view mons { match-clients { 127.53.2.0/24; }; zone "` + domain + `" { type primary; file "%[1]s/mons.zone"; }; };
view others { match-clients { any; }; zone "` + domain + `" { type primary; file "%[1]s/others.zone"; }; };
`

// asked are the questions of phones: those of RFC 3263, of phones that only know
// addresses, and for addresses of the other family.
func asked() [][2]string {
	return [][2]string{
		{domain, "NAPTR"},
		{"_sip._tcp." + domain, "SRV"},
		{"_sip._udp." + domain, "SRV"},
		{"_sips._tcp." + domain, "SRV"},
		{"laurel." + domain, "A"},
		{"hardy." + domain, "A"},
		{domain, "A"},
		{"laurel." + domain, "AAAA"},
		{domain, "SOA"},
		{domain, "NS"},
	}
}

// startNamed starts BIND with the zone that the town answers with.
func startNamed(ctx context.Context, dir string) (*process, error) {
	p := &process{name: "BIND", addr: netip.MustParseAddrPort("127.0.0.1:5354")}
	for view, from := range map[string]string{"mons": fromMons, "others": fromHQ} {
		zone, err := copied(ctx, netip.MustParseAddrPort("127.0.53.11:53"), from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, view+".zone"), []byte(zone), 0o600)
		}
		if err != nil {
			return p, err
		}
	}
	file := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, conf, dir), 0o600); err != nil {
		return p, err
	}
	program, err := exec.LookPath("named")
	if err != nil {
		program = "/usr/sbin/named"
	}
	if err = p.start(exec.Command(program, "-g", "-c", file)); err != nil { //nolint:gosec,noctx // our own words; stop ends it
		return p, err
	}
	err = eventually(ctx, "BIND answers", func() bool {
		got, digErr := dig(ctx, p.addr, fromHQ, "+short", domain, "SOA")
		return digErr == nil && got != ""
	})
	if err != nil {
		return p, fmt.Errorf("%w\n%s", err, p.words.Bytes())
	}
	return p, nil
}

// copied returns the zone as one who asks from an address sees it, as text.
func copied(ctx context.Context, at netip.AddrPort, from string) (string, error) {
	questions := append([][2]string{{domain, "SOA"}}, asked()...)
	questions = append(questions, [2]string{"lg-mons." + domain, "A"})
	var lines []string
	for _, q := range questions {
		text, err := dig(ctx, at, from, "+noall", "+answer", q[0], q[1])
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(text) {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, ""), nil
}

// sameAnswers fails unless both servers answer each view with the same.
func sameAnswers(ctx context.Context, a, b netip.AddrPort) error {
	for _, from := range []string{fromHQ, fromMons} {
		for _, q := range append(asked(), [2]string{"lg-mons." + domain, "A"}, [2]string{"nobody." + domain, "A"}) {
			var got [2]string
			for i, at := range []netip.AddrPort{a, b} {
				text, err := dig(ctx, at, from, "+noall", "+answer", "+authority", "+comments", "+noedns", q[0], q[1])
				if err != nil {
					return err
				}
				got[i] = inOrder(text)
			}
			if got[0] != got[1] {
				return fmt.Errorf("%s %s, asked from %s: carillon answers\n%s\nand BIND\n%s", q[0], q[1], from, got[0], got[1])
			}
		}
	}
	return nil
}

// inOrder returns the status and the records of an answer in order, but for an
// authority section that an answer need not have.
func inOrder(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if _, status, found := strings.Cut(line, "status: "); found {
			status, _, _ = strings.Cut(status, ",")
			lines = append(lines, status)
		}
		if fields := strings.Fields(line); len(fields) > 3 && fields[0][0] != ';' {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
