package rules

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "carillon/"

// mayImport is the architecture: what each package may import of the rest of
// the house, and why not more. A name that ends in /... covers what stands
// below it too, unless that has a row of its own; a package without a row
// fails: it must say where it belongs. In the lists, dir/* are the packages
// directly below dir. Tests may import anything.
var mayImport = []layer{
	{"cmd/...", []string{"node", "node/admin"}, "a command parses and hands over"},
	{"cmd/carillon", []string{"node", "node/admin", "cmd/carillon/*"}, "a command parses and hands over"},
	{"cmd/carillon/ladder", []string{"node/admin"}, "a drawing is made of what a node answers"},
	{"cmd/carillon/capture", []string{"node/admin"}, "a capture is made of what a node answers"},
	{"cmd/carillon/browse", []string{"node/admin", "cmd/carillon/ladder"}, "a screen shows drawings of what a node answers"},

	{"node/...", []string{"node/...", "cluster/...", "sipcore/...", "store/..."}, "node is the one place where everything meets"},
	{"node/mode", nil, "deciding on the mode is pure: it sees facts about links, not links"},
	{"node/address", nil, "who has an address is decided by what the LAN says of it"},
	{"node/admin", service, "a service knows configuration and live tables, not SIP nor the cluster"},
	{"node/dnsserver", service, "a service knows configuration and live tables, not SIP nor the cluster"},
	{"node/dhcpserver", service, "a service knows configuration and live tables, not SIP nor the cluster"},
	{"node/calendar", append([]string{"node/calendar/ical"}, service...), "a service knows configuration and live tables; what calendars say becomes presence"},
	{"node/calendar/ical", nil, "a calendar is a text of strangers: reading it is pure"},
	{"node/provisioning", service, "a service knows configuration and live tables, not SIP nor the cluster"},

	{"cluster", nil, "the cluster's words stand alone"},
	{"cluster/replica", nil, "a replica is pure algebra: no clock, no goroutine, no domain word"},
	{"cluster/link", []string{"cluster"}, "a link carries bytes and knows nothing of their meaning"},
	{"cluster/ring", []string{"cluster", "cluster/link"}, "the ring says who is alive and no more"},
	{"cluster/quorum", []string{"cluster", "cluster/link"}, "the quorum agrees on bytes and knows nothing of their meaning"},
	{"cluster/session", []string{"cluster", "cluster/link", "cluster/replica"}, "a session moves replicas and knows nothing of their meaning"},

	{"sipcore", []string{"sipcore/*", "store", "store/live"}, "one node runs without a cluster"},
	{"sipcore/message", nil, "a message is text and knows nobody"},
	{"sipcore/media", nil, "media knows no SIP"},
	{"sipcore/transport", []string{"sipcore/message"}, "a flow carries messages and does not act on them"},
	{"sipcore/trace", []string{"sipcore/message", "sipcore/transport"}, "a trace is what the wire had, before anybody made anything of it"},
	{"sipcore/transaction", []string{"sipcore/message", "sipcore/transport"}, "a transaction knows messages and flows, not what they are for"},
	{"sipcore/resolve", []string{"sipcore/transport"}, "resolving ends in a transport and an address"},
	{"sipcore/guard", nil, "who has to wait is decided on values: no message, no configuration, no I/O"},
	{"sipcore/auth", []string{"sipcore/message", "store"}, "a password is checked on a message against the View"},
	{"sipcore/route", []string{"store"}, "deciding is separate from doing"},
	{"sipcore/feature", []string{"sipcore/route", "store"}, "a feature decides; it sends no message"},
	{"sipcore/dialog", []string{"sipcore/message", "store", "store/live"}, "dialogs are counted, not steered"},
	{"sipcore/proxy", []string{
		"sipcore/message", "sipcore/transport", "sipcore/transaction", "sipcore/resolve", "sipcore/auth",
		"sipcore/route", "sipcore/dialog", "store",
	}, "the proxy carries a verdict out; features and tables are not its business"},
	{"sipcore/registrar", endpoint, "the registrar meets others only in live tables"},
	{"sipcore/presence", append([]string{"sipcore/presence/document"}, endpoint...), "presence meets others only in live tables; what is sent of them is a document"},
	{"sipcore/presence/document", []string{"store/live"}, "a document is rendered from the words of the domain and read into them; it knows no message"},

	{"store", nil, "the domain depends on nothing"},
	{"store/live", []string{"store"}, "a table does not know how its changes travel"},
	{"store/file", []string{"store"}, "the file of people becomes Changes and nothing else"},
	{"store/disk", []string{"store", "store/live"}, "the disk keeps values and does not know who makes them"},

	{"test/...", []string{"cmd/...", "node/...", "cluster/...", "sipcore/...", "store/...", "test/..."}, "tests may look at everything"},
}

var (
	service  = []string{"store", "store/live", "store/file"}
	endpoint = []string{"sipcore/message", "sipcore/transport", "sipcore/transaction", "sipcore/auth", "store", "store/live"}
)

type layer struct {
	pkg     string
	imports []string // what of ours it may import
	why     string
}

func TestImports(t *testing.T) { keeps(t, imports) }

func TestImportsBites(t *testing.T) {
	importing := func(pkg string) string { return "package x\n\nimport _ \"" + pkg + "\"\n" }
	bites(t, imports, []breach{
		{"in order", tree{
			"cmd/carillon/main.go":        importing("carillon/node"),
			"node/node.go":                importing("carillon/cluster/quorum"),
			"node/later/later.go":         importing("carillon/sipcore/voice"),
			"sipcore/sipcore.go":          importing("carillon/sipcore/proxy"),
			"sipcore/route/route.go":      importing("time"),
			"sipcore/route/route_test.go": importing("carillon/node"),
			"test/house/house.go":         importing("carillon/node"),
			"store/testdata/not_ours.go":  importing("carillon/cluster"),
		}, nil},
		{"a command reaches past the node", tree{"cmd/carillon/main.go": importing("carillon/store")}, []string{
			"cmd/carillon/main.go:3: cmd/carillon may not import store: a command parses and hands over",
		}},
		{"a row for a package does not cover what is below it", tree{"cmd/carillon/main.go": importing("carillon/node/mode")}, []string{"may not import node/mode"}},
		{"no row", tree{"sipcore/voicemail/v.go": "package voicemail"}, []string{"sipcore/voicemail has no row in mayImport"}},
		{"a row matches exactly", tree{"sipcore/route/deep/d.go": "package deep"}, []string{"sipcore/route/deep has no row"}},
		{"a package at the top", tree{"main.go": "package main"}, []string{". has no row"}},
		{"a package of tests alone needs a row too", tree{"sipcore/extra/x_test.go": "package x"}, []string{"sipcore/extra has no row"}},
		{"the SIP server imports the cluster", tree{"sipcore/sipcore.go": importing("carillon/cluster")}, []string{
			"sipcore may not import cluster: one node runs without a cluster",
		}},
		{"below sipcore/* is not covered", tree{"sipcore/sipcore.go": importing("carillon/sipcore/proxy/fork")}, []string{"may not import sipcore/proxy/fork"}},
		{"the proxy looks into a live table", tree{"sipcore/proxy/p.go": importing("carillon/store/live")}, []string{"may not import store/live"}},
		{"a service of the node has its own row", tree{"node/admin/a.go": importing("carillon/sipcore")}, []string{"may not import sipcore"}},
		{"the program imports its tests", tree{"node/node.go": importing("carillon/test/house")}, []string{"node may not import test/house"}},
		{"a file that does not parse", tree{"store/s.go": "pakage store"}, []string{"store/s.go:1:1: expected 'package'"}},
	})
}

// What a row allows must not reach, by way of other rows, what the design
// keeps apart.
func TestNoWayRound(t *testing.T) {
	for _, c := range []struct{ from, to, why string }{
		{"sipcore", "cluster", "one node runs without a cluster"},
		{"node/admin", "sipcore/message", "services do not know SIP"},
		{"store/disk", "cluster", "the disk does not know who agrees"},
		{"cluster/session", "store", "the cluster moves bytes"},
		{"sipcore/feature", "sipcore/message", "a feature decides; it sends no message"},
	} {
		if reaches(c.from, c.to, map[string]bool{}) {
			t.Errorf("the rows let %s reach %s: %s", c.from, c.to, c.why)
		}
	}
	if !reaches("cmd/carillon", "sipcore/message", map[string]bool{}) {
		t.Error("the rows do not let the program reach its messages: reaches finds nothing")
	}
}

func imports(tr tree) []string {
	sources, findings := tr.sources()
	known := map[string]bool{}
	for _, s := range sources {
		row, found := rowOf(s.pkg)
		if !found && !known[s.pkg] {
			findings = append(findings, fmt.Sprintf("%s: %s has no row in mayImport: say where it belongs, and why", s.path, s.pkg))
		}
		known[s.pkg] = true
		if !found || s.test {
			continue
		}
		for _, spec := range s.file.Imports {
			imp, ours := strings.CutPrefix(pathOf(spec), module)
			if ours && !row.allows(imp) {
				findings = append(findings, fmt.Sprintf("%s: %s may not import %s: %s", s.at(spec), s.pkg, imp, row.why))
			}
		}
	}
	return findings
}

// rowOf returns the row of pkg: its own, else that of the tree it stands in.
func rowOf(pkg string) (layer, bool) {
	if i := slices.IndexFunc(mayImport, func(l layer) bool { return l.pkg == pkg }); i >= 0 {
		return mayImport[i], true
	}
	for _, l := range mayImport {
		if strings.HasSuffix(l.pkg, "/...") && covers(l.pkg, pkg) {
			return l, true
		}
	}
	return layer{}, false
}

func (l layer) allows(imp string) bool {
	return slices.ContainsFunc(l.imports, func(pattern string) bool { return covers(pattern, imp) })
}

// covers tells whether pattern (dir, dir/* or dir/...) means pkg.
func covers(pattern, pkg string) bool {
	if dir, all := strings.CutSuffix(pattern, "/..."); all {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	}
	if dir, below := strings.CutSuffix(pattern, "/*"); below {
		name, ok := strings.CutPrefix(pkg, dir+"/")
		return ok && !strings.Contains(name, "/")
	}
	return pkg == pattern
}

// reaches tells whether the rows alone let from import to, at any remove.
func reaches(from, to string, seen map[string]bool) bool {
	row, _ := rowOf(from)
	seen[from] = true
	for _, next := range mayImport {
		pkg := strings.TrimSuffix(next.pkg, "/...")
		if !row.allows(pkg) || seen[pkg] {
			continue
		}
		if pkg == to || reaches(pkg, to, seen) {
			return true
		}
	}
	return false
}

func pathOf(spec *ast.ImportSpec) string {
	full, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
	return full
}
