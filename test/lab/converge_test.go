package lab

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/tool"
)

// distance is how far the branches are, each way.
const distance = 50 * time.Millisecond

// TestConverges: how long it takes until a change at one site is known at all other
// nodes, over lines of 1 Mbit/s that delay each packet by 50 ms. A phone that comes
// is to be known everywhere, by its Contact or by a pointer; one that was restarted
// has another Contact, which the mains are told. Here are few changes, to see that it
// works; TestConvergesUnderLoad has the figures. Then the same of lamps.
func TestConverges(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	c := openConverging(t, 24)
	c.measures("", time.Second, 24)
	c.during(t, "LampsAtEverySite", lampsAtEverySite)
}

// A converging system is one whose nodes are asked all the time what they know.
type converging struct {
	*System

	clients map[string]*admin.Client
	users   []string // who have not come yet
}

func openConverging(t *testing.T, changes int) *converging {
	t.Helper()
	users := numbered("new", changes)
	c := &converging{openSystem(t, openSites(t, distance, lans), lans, twoMains(), configuration(lans, slices.Concat(users, lampUsers()))), map[string]*admin.Client{}, users}
	for name, n := range c.nodes {
		c.clients[name] = admin.NewClient(n.data)
	}
	return c
}

// measures has phones come, and be restarted, one after another, prints how long
// that was not known everywhere, and reports whether it was as soon as the goal in 99
// of 100 cases.
func (c *converging) measures(when string, goal time.Duration, phones int) (soon bool) {
	c.tb.Helper()
	var come, changed []time.Duration
	for i := range phones {
		home := []string{"mons", "namur", "hq"}[i%3]
		u := c.users[0]
		c.users = c.users[1:]
		known := c.registered(homes[home])
		p := c.Deskphone(home, homes[home], u)
		come = append(come, c.until(u+" is known", c.others(homes[home]), known))
		pauseABit()
		shows := c.showsAt(u, p)
		p.restarts()
		changed = append(changed, c.until(u+" is known where it is now", c.otherMains(homes[home]), shows))
		pauseABit()
	}
	soon = c.prints("a phone that comes is known everywhere"+when, come, goal)
	return c.prints("a changed contact is known at the mains"+when, changed, goal) && soon
}

func (c *converging) prints(what string, all []time.Duration, goal time.Duration) (soon bool) {
	c.tb.Helper()
	slices.Sort(all)
	p50, p99, last := all[len(all)/2], all[(len(all)*99+99)/100-1], all[len(all)-1]
	c.tb.Logf("%s, of %d: p50 %v, p99 %v, max %v", what, len(all), p50.Round(time.Millisecond), p99.Round(time.Millisecond), last.Round(time.Millisecond))
	if p50 < distance {
		c.tb.Errorf("%s after %v, but the line takes %v", what, p50, distance)
	}
	return tool.Figure(c.tb, what+", p99", p99.Seconds(), goal.Seconds(), "s")
}

// pauseABit has changes come at any moment of a batch.
func pauseABit() { time.Sleep(rand.N(400 * time.Millisecond)) }

// others are all nodes but one.
func (c *converging) others(than string) (names []string) {
	for name := range c.nodes {
		if name != than {
			names = append(names, name)
		}
	}
	return names
}

func (c *converging) otherMains(than string) []string {
	return slices.DeleteFunc(c.others(than), func(name string) bool { return !slices.Contains(twoMains(), name) })
}

// registered returns a function that says whether a node knows one phone more
// than the one where it comes knows now.
func (c *converging) registered(at string) func(node string) bool {
	count := func(node string) int {
		s, err := c.clients[node].Status(context.Background())
		if err != nil {
			c.tb.Error(err)
		}
		return s.Registrations
	}
	before := count(at)
	return func(node string) bool { return count(node) > before }
}

// showsAt returns a function that says whether a main knows a phone where it says
// that it is.
func (c *converging) showsAt(user string, p *Deskphone) func(node string) bool {
	asks := map[string]*Deskphone{}
	for _, main := range twoMains() {
		asks[main] = c.asker(main, user)
	}
	return func(main string) bool { return strings.Contains(strings.Join(asks[main].contacts(), " "), p.contact()) }
}

// asker is a phone of a user that asks a main who is registered.
func (c *converging) asker(main, user string) *Deskphone {
	c.tb.Helper()
	p := &Deskphone{tb: c.tb, user: user, host: c.hosts["hq-phones"], transport: "tcp", asks: true}
	c.tb.Cleanup(p.close)
	p.connects(c.nodes[main])
	return p
}

// until waits until nodes know something, and returns how long that took.
func (c *converging) until(what string, nodes []string, known func(node string) bool) time.Duration {
	c.tb.Helper()
	const grain, patience = 3 * time.Millisecond, time.Minute
	began := time.Now()
	var asking sync.WaitGroup
	for _, node := range nodes {
		asking.Go(func() {
			for !known(node) {
				if time.Since(began) > patience {
					c.tb.Errorf("not within %v at %s: %s", patience, node, what)
					return
				}
				time.Sleep(grain)
			}
		})
	}
	asking.Wait()
	return time.Since(began)
}
