package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// homes says which packages alone may import a module that is not ours, so that
// replacing it stays one package's work. Tests may import anything.
var homes = []home{
	{"github.com/emiago/sipgo", []string{"sipcore/ua", "test/..."}, "the engine is ours; sipgo serves endpoints and is the phone of the tests"},
	{"github.com/gobwas/ws", []string{"test/..."}, "our WebSocket is ours; this is the browser of the tests"},
	{"github.com/goccy/go-yaml", []string{"store/file"}, "YAML is for people and ends where Changes begin"},
	{"github.com/hashicorp/raft", []string{"cluster/quorum"}, "others propose and apply; how it is agreed is not theirs"},
	{"github.com/insomniacslk/dhcp", []string{"node/dhcpserver"}, "what goes over the wire to devices is one package's business"},
	{"github.com/miekg/dns", []string{"node/dnsserver", "sipcore/resolve"}, "one package asks and one answers"},
	{"github.com/spf13/cobra", []string{"cmd/..."}, "flags end where the node begins"},
	{"github.com/vishvananda/netlink", []string{"node/address"}, "one package alone changes what addresses a machine has"},
	{"go.etcd.io/bbolt", []string{"cluster/quorum", "store/disk"}, "what is on disk is one package's secret"},
	{"C", nil, "Carillon is one static binary"},
}

type home struct {
	module string
	pkgs   []string
	why    string
}

func TestModules(t *testing.T) { keeps(t, modules) }

func TestModulesBites(t *testing.T) {
	bites(t, modules, []breach{
		{"in order", tree{
			"sipcore/resolve/r.go":       "package resolve\n\nimport \"github.com/miekg/dns\"",
			"sipcore/proxy/p_test.go":    "package proxy\n\nimport \"github.com/emiago/sipgo/sip\"",
			"test/house/phone.go":        "package house\n\nimport \"github.com/emiago/sipgo\"",
			"cmd/carillon/main.go":       "package main\n\nimport \"github.com/spf13/cobra\"",
			"cluster/link/namesake.go":   "package link\n\nimport \"github.com/hashicorp/raftery\"",
			"cluster/quorum/logstore.go": "package quorum\n\nimport \"go.etcd.io/bbolt\"",
		}, nil},
		{"a second asker of DNS", tree{"sipcore/proxy/p.go": "package proxy\n\nimport \"github.com/miekg/dns\""}, []string{
			"sipcore/proxy/p.go:3: sipcore/proxy may not import github.com/miekg/dns: one package asks and one answers",
		}},
		{"a package of the module", tree{"sipcore/proxy/p.go": "package proxy\n\nimport \"github.com/emiago/sipgo/sip\""}, []string{"may not import github.com/emiago/sipgo/sip"}},
		{"a later major version", tree{"node/n.go": "package node\n\nimport \"github.com/hashicorp/raft/v2\""}, []string{"may not import github.com/hashicorp/raft/v2"}},
		{"bbolt in a live table", tree{"store/live/l.go": "package live\n\nimport bolt \"go.etcd.io/bbolt\""}, []string{"may not import go.etcd.io/bbolt"}},
		{"cobra in the node", tree{"node/n.go": "package node\n\nimport \"github.com/spf13/cobra\""}, []string{"flags end where the node begins"}},
		{"YAML in the View", tree{"store/s.go": "package store\n\nimport \"github.com/goccy/go-yaml\""}, []string{"may not import github.com/goccy/go-yaml"}},
		{"netlink in the node", tree{"node/n.go": "package node\n\nimport \"github.com/vishvananda/netlink/nl\""}, []string{"one package alone changes what addresses"}},
		{"cgo", tree{"node/n.go": "package node\n\nimport \"C\""}, []string{"one static binary"}},
	})
}

func modules(tr tree) []string {
	sources, findings := tr.sources()
	for _, s := range sources {
		for _, spec := range s.file.Imports {
			imp := pathOf(spec)
			for _, h := range homes {
				if covers(h.module+"/...", imp) && !s.test && !h.houses(s.pkg) {
					findings = append(findings, fmt.Sprintf("%s: %s may not import %s: %s", s.at(spec), s.pkg, imp, h.why))
				}
			}
		}
	}
	return findings
}

func (h home) houses(pkg string) bool {
	return slices.ContainsFunc(h.pkgs, func(pattern string) bool { return covers(pattern, pkg) })
}

// A row for a module that go.mod no longer has is a rule about nothing.
func TestHomesExist(t *testing.T) {
	keeps(t, func(tr tree) []string {
		var findings []string
		for _, h := range homes {
			if h.module != "C" && !strings.Contains(tr["go.mod"], "\t"+h.module+" ") {
				findings = append(findings, "modules_test.go: go.mod does not require "+h.module)
			}
		}
		return findings
	})
}
