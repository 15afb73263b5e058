package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"carillon/node/admin"
)

// isWhole waits until every node has all others and all its links.
func (s *System) isWhole(within time.Duration) {
	s.tb.Helper()
	deadline := time.Now().Add(within)
	for _, n := range s.nodes {
		n.eventually("all nodes are alive", time.Until(deadline), func() bool { return n.alive() == len(s.nodes) })
		n.eventually("it has all its links", time.Until(deadline), n.connected)
	}
}

// agree waits until every node that lives has the same configuration, and
// returns its index.
func (s *System) agree() uint64 {
	s.tb.Helper()
	var index uint64
	eventually(s.tb, "all nodes have the same configuration", 20*time.Second, func() bool {
		seen := map[string]bool{}
		for _, n := range s.nodes {
			if n.dead() {
				continue
			}
			status := n.status()
			index = status.Config
			seen[fmt.Sprintf("%d %s", status.Config, status.ConfigHash)] = true
		}
		return len(seen) == 1
	})
	return index
}

// leader waits until all mains decide together, and returns the one that leads.
func (s *System) leader(mains []string) string {
	s.tb.Helper()
	var leader string
	eventually(s.tb, "all mains decide", 40*time.Second, func() bool {
		leads := s.nodes[s.first].said("a main leads")
		if len(leads) == 0 {
			leads = []logged{{Node: s.first}} // alone with itself it says nothing
		}
		leader = leads[len(leads)-1].Node
		votes := map[string]bool{s.first: true}
		for _, n := range s.nodes {
			for _, l := range n.said("who decides has changed") {
				votes[l.Node] = true
			}
		}
		return len(votes) == len(mains)
	})
	return leader
}

// everyNodeHas waits until each node says that so many calls ring or are up in
// the whole system, and no others.
func (s *System) everyNodeHas(calls int, state string) {
	s.tb.Helper()
	for _, n := range s.nodes {
		n.HasCalls(calls, state)
	}
}

// know waits until each node says of each of these users that one phone of his
// is registered and up, and of nobody else.
func (s *System) know(users []string, within time.Duration) {
	s.tb.Helper()
	s.list(users, within, func(string) bool { return true })
}

// knowAmongOthers is know, but whatever users there are besides does not matter.
// Who stands there twice has two phones.
func (s *System) knowAmongOthers(users []string, within time.Duration) {
	s.tb.Helper()
	s.list(users, within, func(u string) bool { return slices.Contains(users, strings.TrimSuffix(u, down)) })
}

func (s *System) list(users []string, within time.Duration, counts func(user string) bool) {
	s.tb.Helper()
	want := slices.Sorted(slices.Values(users))
	deadline := time.Now().Add(within)
	for name, n := range s.nodes {
		for {
			got := slices.DeleteFunc(n.users(), func(u string) bool { return !counts(u) })
			if slices.Equal(got, want) {
				break
			}
			if time.Now().After(deadline) {
				s.tb.Fatalf("phones that %s knows:\ngot  %s\nwant %s", name, strings.Join(got, " "), strings.Join(want, " "))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	s.tellEachOther(time.Until(deadline))
}

// tellEachOther waits until all nodes that live have as many phones in their own
// tables: what they list they have asked for.
func (s *System) tellEachOther(within time.Duration) {
	s.tb.Helper()
	eventually(s.tb, "all nodes have as many phones", within, func() bool {
		counts := map[int]bool{}
		for _, n := range s.nodes {
			if !n.dead() {
				counts[n.status().Registrations] = true
			}
		}
		return len(counts) == 1
	})
}

// down follows the user of a phone that is registered but cannot be reached.
const down = "-down"

// hasNoCallsOf waits until no node says that one of these users is in a call.
func (s *System) hasNoCallsOf(users []string) {
	s.tb.Helper()
	for _, n := range s.nodes {
		var calls []admin.Call
		n.eventually("calls of "+strings.Join(users, " ")+" are over", 5*time.Second, func() bool {
			n.Ask("calls", &calls)
			return !slices.ContainsFunc(calls, func(c admin.Call) bool {
				return slices.ContainsFunc(users, func(u string) bool { return strings.Contains(c.From+c.To, u) })
			})
		})
	}
}

// change adds a user of this number to the configuration at a node, and returns
// what the command says.
func (s *System) change(node, name string) (string, error) {
	s.tb.Helper()
	return s.edits(node, func(text string) string {
		return strings.Replace(text, "users:\n", "users:\n  - {number: \""+name+"\"}\n", 1)
	})
}

// edits changes the configuration at a node as edit says, and returns what the
// command says.
func (s *System) edits(node string, edit func(text string) string) (string, error) {
	s.tb.Helper()
	n := s.nodes[node]
	before, err := n.command("config", "export").Output()
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.tb.TempDir(), "changed.yaml")
	if err = os.WriteFile(file, []byte(edit(string(before))), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	out, err := n.command("config", "apply", "-f", file).CombinedOutput()
	return string(out), err
}

// dead reports whether the process has ended.
func (n *Node) dead() bool {
	select {
	case <-n.exited:
		return true
	default:
		return false
	}
}

func (n *Node) status() admin.Status {
	n.tb.Helper()
	var status admin.Status
	n.Ask("status", &status)
	return status
}

// alive returns how many members are.
func (n *Node) alive() int {
	n.tb.Helper()
	var members []admin.Member
	n.Ask("members", &members)
	count := 0
	for _, m := range members {
		if m.State == "alive" {
			count++
		}
	}
	return count
}

func (n *Node) connected() bool {
	n.tb.Helper()
	links := n.status().Links
	return len(links) > 0 && !slices.ContainsFunc(links, func(l admin.Link) bool { return l.State != "up" })
}

// finds reports whether a user has one phone, which is up at this node.
func (n *Node) finds(user, node string) bool {
	n.tb.Helper()
	rows := n.registrations(user)
	return len(rows) == 1 && rows[0].Node == node && rows[0].State == "up"
}

// users are those of all registered phones; none when a node does not answer.
func (n *Node) users() []string {
	n.tb.Helper()
	var all []string
	for _, r := range n.registrations() {
		if r.State != "up" {
			r.User += down
		}
		all = append(all, r.User)
	}
	slices.Sort(all)
	return all
}

// phones are the registrations of these users, each with all that does not
// depend on time.
func (n *Node) phones(users []string) []string {
	n.tb.Helper()
	var all []string
	for _, r := range n.registrations() {
		if slices.Contains(users, r.User) {
			all = append(all, strings.Join([]string{r.User, r.Contact, r.Node, r.Transport, r.State}, " "))
		}
	}
	slices.Sort(all)
	return all
}

// registrations are those of the whole system, or of one user; none when a node does
// not answer.
func (n *Node) registrations(user ...string) []admin.Registration {
	n.tb.Helper()
	out, err := n.command(append([]string{"registrations", "-o", "json"}, user...)...).Output()
	if err != nil {
		return nil // not all nodes answered
	}
	var rows []admin.Registration
	if err = json.Unmarshal(out, &rows); err != nil {
		n.tb.Fatalf("registrations at %s: %v\n%s", n.name, err, out)
	}
	return rows
}

// carried returns how many bytes all links of a node have carried, by what for.
func (n *Node) carried() map[string]uint64 {
	n.tb.Helper()
	var links []admin.LinkDetail
	n.Ask("links", &links)
	all := map[string]uint64{}
	for _, l := range links {
		for class, both := range l.Classes {
			all[class] += both.Sent + both.Received
		}
	}
	return all
}
