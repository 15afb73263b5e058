package lab

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// A panel is a phone with a lamp for each of some users, which it watches from its
// node (RFC 4235). It answers every NOTIFY at once and remembers it. It makes no calls.
type panel struct {
	phone *Deskphone
	users []string // one for each lamp

	mu      sync.Mutex
	serials map[string]string // of which user a subscription is, by its Call-ID
	notices map[string][]notice
	earlier map[string]int // how many of them came before the phone subscribed last
	errs    []error
}

// A notice is what one NOTIFY said.
type notice struct {
	at            time.Time
	cseq, version int
	shows         string // "recipient early", or "" for a dark lamp
	over          bool   // the subscription is
}

// panel registers a phone over TCP on the phones' host of a site, and has it watch.
func (s *System) panel(site, node, user string, users []string) *panel {
	s.tb.Helper()
	p := &panel{phone: s.Deskphone(site, node, user), users: users, serials: map[string]string{}, notices: map[string][]notice{}, earlier: map[string]int{}}
	p.watches()
	return p
}

// moves registers the phone at another node, as it does when its own is gone, and
// has it watch from there.
func (p *panel) moves(to *Node) {
	p.phone.tb.Helper()
	p.phone.connects(to)
	p.watches()
}

// watches begins a subscription for each lamp, and reads what comes until the
// connection ends.
func (p *panel) watches() {
	p.phone.tb.Helper()
	for _, u := range p.users {
		id := "lamp" + rand.Text()
		p.mu.Lock()
		p.serials[id], p.earlier[u] = u, len(p.notices[u])
		p.mu.Unlock()
		m := p.phone.request("SUBSCRIBE", "sip:"+u+"@"+Domain, id, 1)
		m.Add("Event", "dialog")
		m.Add("Accept", "application/dialog-info+xml")
		m.Add("Expires", "600")
		if err := p.phone.send(m); err != nil {
			p.phone.tb.Fatal(err)
		}
	}
	go p.listens(p.phone.conn)
}

func (p *panel) listens(conn *wire.Conn) {
	for {
		m, err := conn.Receive(time.Hour)
		if err != nil {
			return
		}
		if err = p.hears(conn, m); err != nil {
			p.mu.Lock()
			p.errs = append(p.errs, fmt.Errorf("%s: %w", p.phone.user, err))
			p.mu.Unlock()
		}
	}
}

func (p *panel) hears(conn *wire.Conn, m wire.Message) error {
	switch {
	case m.Status() >= 300:
		return fmt.Errorf("watching: %s", m.Start)
	case m.Method() != "NOTIFY" || !m.Request():
		return nil
	}
	n := notice{at: time.Now(), cseq: m.CSeq(), over: strings.HasPrefix(m.Get("Subscription-State"), "terminated")}
	_ = conn.Send(m.Reply(200, "OK", "")) // the node may be gone
	var err error
	if n.version, n.shows, err = shown(m.Body); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	user := p.serials[m.Get("Call-ID")]
	p.notices[user] = append(p.notices[user], n)
	return nil
}

// shown is what a lamp shows by a document.
func shown(document string) (version int, shows string, err error) {
	var d struct {
		Version int `xml:"version,attr"`
		Dialogs []struct {
			Direction string `xml:"direction,attr"`
			State     string `xml:"state"`
		} `xml:"dialog"`
	}
	if err = xml.Unmarshal([]byte(document), &d); err != nil {
		return 0, "", fmt.Errorf("a document: %w", err)
	}
	var lit []string
	for _, x := range d.Dialogs {
		if x.State != "terminated" {
			lit = append(lit, x.Direction+" "+x.State)
		}
	}
	slices.Sort(lit)
	return d.Version, strings.Join(lit, ", "), nil
}

// told returns what all NOTIFYs for a lamp have said.
func (p *panel) told(user string) []notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notices[user])
}

// changes returns how many NOTIFYs have told something of a lamp. Those do not count
// that a caller's phone has dialled and nothing rings yet: it is too short for a line.
func (p *panel) changes(user string) (count int) {
	for _, n := range p.told(user) {
		if n.shows != "initiator trying" {
			count++
		}
	}
	return count
}

// shows returns what the lamps show that are lit, by user.
func (p *panel) shows() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lit := map[string]string{}
	for _, u := range p.users {
		all := p.notices[u]
		if len(all) == p.earlier[u] {
			lit[u] = "nothing yet"
		} else if now := all[len(all)-1].shows; now != "" {
			lit[u] = now
		}
	}
	return lit
}

// agree reports whether all panels show that.
func agree(all []*panel, want map[string]string) bool {
	return !slices.ContainsFunc(all, func(p *panel) bool { return !maps.Equal(p.shows(), want) })
}

// complaints are of what should not have come: errors, and numbers that went back.
func (p *panel) complaints() (all []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all = slices.Clone(p.errs)
	for u, notices := range p.notices {
		for i, n := range notices[1:] {
			if before := notices[i]; n.cseq <= before.cseq || n.version <= before.version {
				all = append(all, fmt.Errorf("%s watches %s: CSeq %d and version %d after %d and %d", p.phone.user, u, n.cseq, n.version, before.cseq, before.version))
			}
		}
	}
	return all
}
