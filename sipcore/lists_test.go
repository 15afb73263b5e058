package sipcore_test

import (
	"regexp"
	"strings"
	"testing"

	"carillon/store"
	"carillon/test/house/wire"
)

// lists gives alice lamps.
func (s *station) lists(lamps ...string) {
	c := s.store.View().Config()
	c.Users = append([]store.User{}, c.Users...)
	for i := range c.Users {
		if c.Users[i].Number == "alice" {
			c.Users[i].Lamps = lamps
		}
	}
	s.store.Publish(store.NewView(c).At(s.store.View().Index() + 1))
}

// subscribeList makes a SUBSCRIBE for a list.
func (p *phone) subscribeList(brought string) wire.Message {
	m := p.subscribe("dialog", "lamps", "600")
	m.Add("Supported", "eventlist")
	m.Add("Accept", "application/dialog-info+xml, application/pidf+xml, application/rlmi+xml, multipart/related")
	if brought != "" {
		m.Set("Require", "recipient-list-subscribe")
		m.Add("Content-Type", "application/resource-lists+xml")
		m.Body = `<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` + brought + `</list></resource-lists>`
	}
	return m
}

// seesList waits for a NOTIFY, answers it, and wants this in its list.
func (w *watch) seesList(want string) {
	w.t.Helper()
	m := w.gets("NOTIFY")
	w.replies(m, 200)
	said := ""
	for _, x := range regexp.MustCompile(`(version="\d+" fullState="\w+")|<resource uri="sip:(\w+)@|reason="(\w+)"|<state>(\w+)<`).FindAllStringSubmatch(strings.ReplaceAll(m.Body, `<dialog id="idle"><state>terminated</state></dialog>`, ""), -1) {
		said += " " + strings.NewReplacer(`version=`, "", `fullState=`, "", `"`, "").Replace(x[1]) + x[2] + x[3] + x[4]
	}
	if said = strings.TrimSpace(said); said != want || m.Get("Require") != "eventlist" || !strings.HasPrefix(m.Get("Content-Type"), `multipart/related;type="application/rlmi+xml"`) {
		w.t.Errorf("%s sees %q, want %q:\n%s", w.user, said, want, m)
	}
}

func TestLampsAreWatchedAsAList(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	at.lists("bob", "carol")
	alice := at.phone("alice", "1")
	alice.send(alice.subscribeList(""))
	answer := alice.gets("200")
	if answer.Get("Require") != "eventlist" {
		t.Errorf("the answer is %s", answer)
	}
	w := alice.watching(answer)
	w.seesList("0 true bob carol")
	at.shows("bob", "1 early")
	w.seesList("1 false bob early")
	at.shows("carol", "2 confirmed")
	w.seesList("2 false carol confirmed")
	at.lists("carol")
	w.seesList("3 true carol confirmed")
	at.lists()
	w.seesList("4 true carol confirmed")
	w.again("600")
	alice.gets("481")
}

func TestAPhoneBringsItsList(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice := at.phone("alice", "1")
	alice.send(alice.subscribeList(`<entry uri="sip:bob@` + domain + `"/><entry uri="sip:dave@` + domain + `"/><entry uri="sip:bob@elsewhere.test"/>`))
	w := alice.watching(alice.gets("200"))
	w.seesList("0 true bob dave noresource bob noresource")
	at.shows("bob", "1 early")
	w.seesList("1 false bob early")
}

func TestListsThatAreNotWatched(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	at.lists("bob")
	alice, bob := at.phone("alice", "1"), at.phone("bob", "2")
	for _, tt := range []struct {
		name   string
		by     *phone
		change func(*wire.Message)
		want   string
	}{
		{"the phone does not know lists", alice, func(m *wire.Message) { m.Drop("Supported") }, "421"},
		{"nobody gave him lamps", bob, func(*wire.Message) {}, "404"},
		{"messages are private", alice, func(m *wire.Message) { m.Set("Event", "message-summary"); m.Drop("Accept") }, "403"},
		{"an extension that nobody knows", alice, func(m *wire.Message) { m.Set("Require", "eventlist, magic") }, "420"},
		{"it says that it brings one", alice, func(m *wire.Message) { m.Set("Require", "recipient-list-subscribe") }, "415"},
		{"it brings nobody", alice, func(m *wire.Message) { *m = alice.subscribeList("<!-- -->") }, "400"},
		{"it brings what is no list", alice, func(m *wire.Message) { *m = alice.subscribeList("<entry") }, "400"},
		{"it brings too many", alice, func(m *wire.Message) {
			var b strings.Builder
			for i := range store.MostLamps + 1 {
				b.WriteString(`<entry uri="sip:` + strings.Repeat("1", i+1) + `@x"/>`)
			}
			*m = alice.subscribeList(b.String())
		}, "413"},
	} {
		m := tt.by.subscribeList("")
		tt.change(&m)
		tt.by.send(m)
		t.Log(tt.name)
		tt.by.gets(tt.want)
	}
	if n := at.Subscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}
