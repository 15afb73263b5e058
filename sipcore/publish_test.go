package sipcore_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
	"carillon/test/house/wire"
)

// statements is what a node has published and the others do not know yet.
type statements struct {
	mu  sync.Mutex
	all []func(node string, to *live.Presences)
}

func (s *statements) Set(key string, value []byte) {
	value = bytes.Clone(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, func(node string, to *live.Presences) { _ = to.Learn(node, key, value, time.Now()) })
}

func (s *statements) Delete(key string) { s.Set(key, nil) }

// carry tells each node what the others have published.
func (w *town) carry() {
	for again := true; again; {
		again = false
		for name, from := range w.nodes {
			from.statements.mu.Lock()
			all := from.statements.all
			from.statements.all = nil
			from.statements.mu.Unlock()
			for _, tell := range all {
				again = true
				for other, to := range w.nodes {
					if other != name {
						tell(name, to.presences)
					}
				}
			}
		}
	}
}

const pidf = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@x">` +
	`<tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><r:activities><r:ACTIVITY/></r:activities></dm:person></presence>`

// publish makes a PUBLISH of a phone; fields are pairs of a name and a value.
func (p *phone) publish(user, activity string, fields ...string) wire.Message {
	uri := "sip:" + user + "@" + domain
	m := p.request("PUBLISH", uri, "<"+uri+">", rand.Text())
	m.Add("Event", "presence")
	for i := 0; i < len(fields); i += 2 {
		m.Set(fields[i], fields[i+1])
	}
	if activity != "" {
		m.Add("Content-Type", "application/pidf+xml")
		m.Body = strings.ReplaceAll(pidf, "ACTIVITY", activity)
	}
	return m
}

// publishes sends a PUBLISH and returns the answer.
func (p *phone) publishes(want, activity string, fields ...string) wire.Message {
	p.t.Helper()
	m := p.publish(p.user, activity, fields...)
	p.send(m)
	if p.over == "udp" {
		p.proves(m, "Proxy-Authorization", p.gets("407").Get("Proxy-Authenticate"))
	}
	return p.gets(want)
}

// Published, refreshed, changed and removed, at one node and going on at another.
func TestPublish(t *testing.T) {
	for _, over := range []string{"tcp", "udp"} {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			laurel, hardy := w.nodes["laurel"], w.nodes["hardy"]
			here, there := laurel.phoneOver(over, "alice", "1"), hardy.phoneOver(over, "alice", "2")
			is := func(want string) {
				t.Helper()
				w.carry()
				for name, s := range w.nodes {
					if got := s.presences.Of("alice").First().Activity; got != want {
						t.Errorf("%s has %q, want %q", name, got, want)
					}
				}
			}
			first := here.publishes("200", "busy", "Expires", "120")
			if first.Get("Expires") != "120" {
				t.Errorf("it lasts %s", first.Get("Expires"))
			}
			is("busy")
			refreshed := here.publishes("200", "", "SIP-If-Match", first.Get("SIP-ETag"))
			is("busy")
			here.publishes("412", "", "SIP-If-Match", first.Get("SIP-ETag"))
			changed := here.publishes("200", "away", "SIP-If-Match", refreshed.Get("SIP-ETag"))
			is("away")
			moved := there.publishes("200", "meeting", "SIP-If-Match", changed.Get("SIP-ETag"))
			is("meeting")
			here.publishes("412", "busy", "SIP-If-Match", changed.Get("SIP-ETag"))
			is("meeting")
			again := here.publishes("200", "", "SIP-If-Match", moved.Get("SIP-ETag"))
			is("meeting")
			there.publishes("200", "", "SIP-If-Match", again.Get("SIP-ETag"), "Expires", "0")
			is("")
			there.publishes("412", "", "SIP-If-Match", again.Get("SIP-ETag"))
		})
	}
}

// What nobody publishes here, or not so.
func TestPublishIsRefused(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice := at.phoneOver("tcp", "alice", "1")
	for _, c := range []struct {
		want, activity string
		fields         []string
		header, value  string
	}{
		{"489", "busy", []string{"Event", "dialog"}, "Allow-Events", "presence"},
		{"423", "busy", []string{"Expires", "30"}, "Min-Expires", "60"},
		{"415", "busy", []string{"Content-Encoding", "gzip"}, "Accept", "application/pidf+xml"},
		{"412", "busy", []string{"SIP-If-Match", "nothing"}, "", ""},
		{"400", "", nil, "", ""},
		{"400", "busy/><", nil, "", ""},
		{"400", "busy", []string{"Expires", "soon"}, "", ""},
		{"420", "busy", []string{"Require", "magic"}, "Unsupported", "magic"},
	} {
		if got := alice.publishes(c.want, c.activity, c.fields...); c.header != "" && got.Get(c.header) != c.value {
			t.Errorf("%v: %s is %q, want %q", c.fields, c.header, got.Get(c.header), c.value)
		}
	}
	alice.send(alice.publish("bob", "busy"))
	alice.gets("403")
	alice.send(alice.publish("nobody", "busy"))
	alice.gets("404")
	for _, user := range []string{"alice", "bob"} {
		if got := at.presences.Of(user); len(got.Tuples) != 0 {
			t.Errorf("%s has %+v", user, got)
		}
	}
	if got := alice.publishes("200", "busy", "Expires", "1000000"); got.Get("Expires") != "3600" {
		t.Errorf("it lasts %s", got.Get("Expires"))
	}
}

// Who watches hears of what is published.
func TestAPublicationIsNotified(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice, bob := at.phoneOver("tcp", "alice", "1"), at.phoneOver("tcp", "bob", "2")
	alice.watches("presence", "bob", "600")
	sees := func(want string) {
		t.Helper()
		m := alice.gets("NOTIFY")
		alice.replies(m, 200)
		if !strings.Contains(m.Body, want) {
			t.Errorf("alice sees %s, want %s", m.Body, want)
		}
	}
	sees("closed")
	tag := bob.publishes("200", "meeting").Get("SIP-ETag")
	sees("<rpid:meeting/>")
	bob.publishes("200", "", "SIP-If-Match", tag, "Expires", "0")
	sees("closed")
}

// What a Snom says is told as it came where it is not to be understood (im_to_rpidf: no).
func TestWhatASnomSaysPassesThrough(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	settings := live.DefaultSettings()
	settings.ImToRPIDF = false
	if err := at.presences.Configure(settings, time.Now()); err != nil {
		t.Fatal(err)
	}
	alice, bob := at.phoneOver("tcp", "alice", "1"), at.phoneOver("tcp", "bob", "2")
	alice.watches("presence", "bob", "600")
	alice.replies(alice.gets("NOTIFY"), 200)
	const status = `<status><basic>open</basic><im:im>busy</im:im></status>`
	m := bob.publish("bob", "busy")
	m.Body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="pres:bob@x"><tuple id="snom">` + status + `</tuple></presence>`
	bob.hears("200", m)
	if told := alice.gets("NOTIFY"); !strings.Contains(told.Body, status) || strings.Contains(told.Body, "rpid:activities") {
		t.Errorf("alice is told %s", told.Body)
	}
}

// One publishes of everybody if his address is the primary source, and counts more at every
// node; others still do not.
func TestThePrimarySourceIsAUser(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	laurel := w.nodes["laurel"]
	alice, carol := laurel.phoneOver("tcp", "alice", "1"), laurel.phoneOver("tcp", "carol", "3")
	carol.send(carol.publish("alice", "meeting"))
	carol.gets("403")

	c := w.view.Config()
	c.Presence.PrimarySource = "sip:carol@" + domain
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	view := store.NewView(c).At(2)
	for _, s := range w.nodes {
		s.store.Publish(view)
		if err := s.presences.Configure(live.SettingsOf(view.Presence()), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	carol.send(carol.publish("alice", "meeting"))
	tag := carol.gets("200").Get("SIP-ETag")
	alice.publishes("200", "busy", "User-Agent", view.Presence().PrimarySource)
	w.carry()
	for name, s := range w.nodes {
		if got := s.presences.Of("alice").First(); got.Activity != live.Meeting || got.Kind != live.FromPrimary || got.By != "carol" {
			t.Errorf("%s has %+v, want what carol says", name, got)
		}
	}
	alice.send(alice.publish("carol", "away"))
	alice.gets("403")
	carol.send(carol.publish("alice", "", "SIP-If-Match", tag, "Expires", "0"))
	carol.gets("200")
	if got := laurel.presences.Of("alice").First(); got.Activity != live.Busy || got.Kind != live.FromPublish {
		t.Errorf("laurel has %+v, want what alice says", got)
	}
}
