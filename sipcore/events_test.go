package sipcore_test

import (
	"crypto/rand"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"testing"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// shows has a user's lamp show the states of calls, by their names.
func (s *station) shows(user string, calls ...string) {
	for _, d := range s.dialogs.Of(user) {
		if !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, d.Call+" ") }) {
			s.dialogs.Delete(d)
		}
	}
	states := map[string]live.DialogState{"early": live.Early, "confirmed": live.Confirmed}
	for _, c := range calls {
		id, state, _ := strings.Cut(c, " ")
		s.dialogs.Put(live.Dialog{
			User: user, Call: id, CallID: id, LocalTag: "l", RemoteTag: "r", Direction: live.Recipient, State: states[state],
			Remote: live.Identity{URI: "carol"},
		})
	}
}

// A watch is a phone's subscription.
type watch struct {
	*phone
	callID, remote, target string
	cseqs                  []int
	versions               []int
}

// subscribe makes a SUBSCRIBE of a phone that names an event.
func (p *phone) subscribe(event, user, expires string) wire.Message {
	uri := "sip:" + user + "@" + domain
	m := p.request("SUBSCRIBE", uri, "<"+uri+">", rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	m.Add("Event", event)
	m.Add("Expires", expires)
	return m
}

// watches subscribes; over UDP that has to be proved.
func (p *phone) watches(event, user, expires string) *watch {
	p.t.Helper()
	m := p.subscribe(event, user, expires)
	p.send(m)
	if p.over == "udp" {
		p.proves(m, "Proxy-Authorization", p.gets("407").Get("Proxy-Authenticate"))
	}
	return p.watching(p.gets("200"))
}

func (p *phone) watching(answer wire.Message) *watch {
	return &watch{phone: p, callID: answer.Get("Call-ID"), remote: answer.Get("To"), target: wire.AddrURI(answer.Get("Contact"))}
}

// again sends a SUBSCRIBE within the dialog.
func (w *watch) again(expires string) {
	w.t.Helper()
	m := w.request("SUBSCRIBE", w.target, w.remote, w.callID)
	m.Add("Contact", "<"+w.contact()+">")
	m.Add("Event", "dialog")
	m.Add("Expires", expires)
	w.send(m)
}

// sees waits for a NOTIFY, answers it, and wants these states of dialogs in it, or the
// reason of the end.
func (w *watch) sees(want string) {
	w.t.Helper()
	m := w.gets("NOTIFY")
	w.replies(m, 200)
	w.checks(m, want)
}

func (w *watch) checks(m wire.Message, want string) {
	w.t.Helper()
	number, _, _ := strings.Cut(m.Get("CSeq"), " ")
	cseq, _ := strconv.Atoi(number)
	var doc struct {
		Version int    `xml:"version,attr"`
		State   string `xml:"state,attr"`
		Entity  string `xml:"entity,attr"`
		Dialogs []struct {
			ID    string `xml:"id,attr"`
			State string `xml:"state"`
		} `xml:"dialog"`
	}
	if err := xml.Unmarshal([]byte(m.Body), &doc); err != nil {
		w.t.Fatalf("NOTIFY has %q: %v", m.Body, err)
	}
	if n := len(w.cseqs); n > 0 && (cseq != w.cseqs[n-1]+1 || doc.Version != w.versions[n-1]+1) {
		w.t.Errorf("CSeq %d and version %d follow %v and %v", cseq, doc.Version, w.cseqs, w.versions)
	}
	w.cseqs, w.versions = append(w.cseqs, cseq), append(w.versions, doc.Version)
	got := strings.TrimPrefix(m.Get("Subscription-State"), "terminated;reason=")
	if strings.HasPrefix(got, "active;expires=") {
		got = ""
		for _, d := range doc.Dialogs {
			if d.ID != "idle" {
				got += " " + d.State
			}
		}
		got = strings.TrimSpace(got)
	}
	if got != want || doc.State != "full" || doc.Entity != "sip:bob@"+domain {
		w.t.Errorf("%s sees %q (%s of %s), want %q:\n%s", w.user, got, doc.State, doc.Entity, want, m)
	}
}

func TestALampIsWatched(t *testing.T) {
	for _, over := range []string{"tcp", "udp", "tls", "ws"} {
		t.Run(over, func(t *testing.T) {
			at := newTown(t, "laurel").nodes["laurel"]
			alice := at.phoneOver(over, "alice", "1")
			w := alice.watches("dialog", "bob", "600")
			w.sees("")
			at.shows("bob", "1 early")
			w.sees("early")
			at.shows("bob", "1 early") // nothing that can be seen
			at.shows("carol", "2 early")
			at.shows("bob", "1 confirmed")
			w.sees("confirmed")
			at.shows("bob")
			w.sees("terminated")
			w.again("600")
			alice.gets("200")
			w.sees("")
			w.again("0")
			alice.gets("200")
			w.sees("timeout")
			w.again("600")
			alice.gets("481")
			if n := at.Counters().Events; n.Live["dialog"] != 0 || n.Sent != 6 || n.Failed != 0 {
				t.Errorf("counters: %+v", n)
			}
		})
	}
}

func TestWhatIsNotWatched(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice := at.phone("alice", "1")
	refused := func(want string, change func(*wire.Message)) wire.Message {
		t.Helper()
		m := alice.subscribe("dialog", "bob", "600")
		change(&m)
		alice.send(m)
		return alice.gets(want)
	}
	events := refused("489", func(m *wire.Message) { m.Set("Event", "refer") }).Get("Allow-Events")
	if events != "dialog, presence, message-summary" {
		t.Errorf("Allow-Events: %s", events)
	}
	refused("489", func(m *wire.Message) { m.Drop("Event") })
	if least := refused("423", func(m *wire.Message) { m.Set("Expires", "59") }).Get("Min-Expires"); least != "60" {
		t.Errorf("Min-Expires: %s", least)
	}
	refused("406", func(m *wire.Message) { m.Set("Accept", "application/pidf+xml") })
	refused("420", func(m *wire.Message) { m.Set("Require", "recipient-list") })
	refused("400", func(m *wire.Message) { m.Drop("Contact") })
	refused("403", func(m *wire.Message) { m.Set("Contact", "<sip:alice@"+at.addr.String()+">") })
	refused("403", func(m *wire.Message) { m.Set("Event", "message-summary") }) // of bob
	refused("404", func(m *wire.Message) { m.Start = strings.Replace(m.Start, "bob@", "dave@", 1) })
	refused("404", func(m *wire.Message) { m.Start = strings.Replace(m.Start, domain, "elsewhere.test", 1) })
	refused("403", func(m *wire.Message) { m.Set("From", "<sip:bob@"+domain+">;tag=1") })
	refused("481", func(m *wire.Message) { m.Set("To", "<sip:bob@"+domain+">;tag=gone") })
	if n := at.Counters().Events; len(n.Live) != 3 || n.Sent != 0 {
		t.Errorf("counters: %+v", n)
	}
}
