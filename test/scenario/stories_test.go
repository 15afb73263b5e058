package scenario_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carillon/node/admin"
	"carillon/test/house"
	"carillon/test/scenario"
)

var update = flag.Bool("update", false, "rewrite Carillon's lines of the stories to what it says now")

// TestStories tells every story of testdata to a node of its own.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.seq")
	if err != nil || len(files) == 0 {
		t.Fatalf("stories: got %d and error %v, want some", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".seq"), func(t *testing.T) {
			story, err := scenario.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			carillon := system{house.New(t).Node("hardy")}
			if !*update {
				if e := scenario.Run(story, carillon); e != nil {
					t.Error(e)
				}
				return
			}
			told, err := scenario.Update(story, carillon)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(told.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// system is a house of one node.
type system struct{ node *house.Node }

func (s system) SIP(string) (netip.AddrPort, error) { return s.node.SIP(), nil }

func (system) Domain() string { return house.Domain }

func (system) Password(string) string { return house.Password }

func (s system) Registrations(user string) (int, error) {
	up := 0
	for _, r := range s.node.Registrations(user) {
		if r.State == "up" {
			up++
		}
	}
	return up, nil
}

func (s system) Calls(user string) ([]string, error) {
	var states []string
	for _, c := range s.node.Calls() {
		if isOf(user, c) {
			states = append(states, c.State)
		}
	}
	return states, nil
}

func isOf(user string, c admin.Call) bool {
	for _, end := range []string{c.From, c.To} {
		name, _, _ := strings.Cut(strings.TrimPrefix(end, "sip:"), "@")
		if name == user {
			return true
		}
	}
	return false
}
