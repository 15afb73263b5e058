package node

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// A contacts is a phone that watches the presence of several users.
type contacts struct {
	t     *testing.T
	at    *townsman
	phone *wire.Conn
	who   map[string]string // the user of each subscription
	said  int               // of the user who tells that there was nothing more
}

// teller is a user of whom something is said so that what came before has come.
const teller = "205"

func (w *contacts) watches(user string) {
	w.t.Helper()
	m := request(w.phone, "SUBSCRIBE", "203", user)
	m.Add("Event", "presence")
	m.Add("Expires", "600")
	m.Add("Contact", fmt.Sprintf("<sip:203@%s;transport=tcp>", w.phone.Local()))
	w.who[m.Get("Call-ID")] = user
	if err := w.phone.Send(m); err != nil {
		w.t.Fatal(err)
	}
}

// told returns the last document of each user of whom something was told until now, once
// as many as want were told of.
func (w *contacts) told(want int) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for asked := false; ; {
		if len(all) == want && !asked {
			asked = true
			w.said++
			_, err := w.at.presences.Put(live.Presence{User: teller, ID: "a", Note: fmt.Sprint("note ", w.said), Expires: time.Hour}, time.Now())
			if err != nil {
				w.t.Fatal(err)
			}
		}
		m, err := w.phone.Receive(20 * time.Second)
		if err != nil {
			w.t.Fatalf("%v; told %v, want %d", err, all, want)
		}
		if m.Method() != "NOTIFY" {
			if m.Status() != 200 {
				w.t.Errorf("it is told %s", m.Start)
			}
			continue
		}
		if err = w.phone.Send(m.Reply(200, "OK", "b")); err != nil {
			w.t.Fatal(err)
		}
		switch user := w.who[m.Get("Call-ID")]; {
		case user != teller:
			if all[user] != "" {
				w.t.Fatalf("%s is told twice:\n%s\n%s", user, all[user], m.Body)
			}
			all[user] = m.Body
		case strings.Contains(m.Body, fmt.Sprint("note ", w.said, "<")):
			return all
		}
	}
}

// publishes has a phone publish of its user.
func publishes(t *testing.T, phone *wire.Conn, user, agent, status, person string) {
	t.Helper()
	m := request(phone, "PUBLISH", user, user)
	m.Add("Event", "presence")
	m.Add("User-Agent", agent)
	m.Add("Content-Type", "application/pidf+xml")
	m.Body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"` +
		` xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="sip:` + user + `@tel.test"><tuple id="a"><status><basic>open</basic>` + status + `</status></tuple>` + person + `</presence>`
	says(t, phone, m, 200)
}

func does(activity string) string {
	return `<dm:person id="p"><r:activities><r:` + activity + `/></r:activities></dm:person>`
}

// TestPresenceSettingsCountAtOnce: each setting that is applied on a running node has
// those told of whom it says something else, once, and nobody else.
func TestPresenceSettingsCountAtOnce(t *testing.T) {
	t.Parallel()
	at, alice, bob, dave, w := contactsOfAll(t)
	publishes(t, alice, "201", "web", "", does("meeting"))
	publishes(t, alice, "201", "phone", "", does("away"))
	publishes(t, dave, "204", "snom", "<im:im>busy</im:im>", "")
	w.at.knows(t, "201", 3)
	w.at.knows(t, "204", 2)
	for _, user := range []string{"201", "202", "204", teller} {
		w.watches(user)
	}
	first := w.told(3)
	for user, want := range map[string]string{"201": "<rpid:away/>", "202": ">open<", "204": "<rpid:busy/>"} {
		if !strings.Contains(first[user], want) {
			t.Errorf("%s is told as %s, want %s", user, first[user], want)
		}
	}
	for _, step := range []struct {
		settings string
		calls    bool              // before they change, 202 and 204 are in a call
		told     map[string]string // the whole: number of tuples, what is in the document
	}{
		{"merge_primary_source: web", false, map[string]string{"201": "1 <rpid:meeting/>"}},
		{"merge_primary_source: web, merge: no", false, map[string]string{"201": "3 <rpid:away/>", "204": "2 <rpid:busy/>"}},
		{"merge_primary_source: web", false, map[string]string{"201": "1 <rpid:meeting/>", "204": "1 <rpid:busy/>"}},
		{"merge_primary_source: web, im_to_rpidf: no", false, map[string]string{"204": "1 >busy<"}},
		{"merge_primary_source: web, mix_dialog_presence: no, im_to_rpidf: no", true, map[string]string{"202": "1 >open<", "204": "1 >busy<"}},
		{"merge_primary_source: web, im_to_rpidf: no", false, map[string]string{"202": "1 <rpid:on-the-phone/>", "204": "1 <rpid:on-the-phone/>"}},
		{"merge_primary_source: web, im_to_rpidf: no, merge_order: [primary, publish, dialog, registration]", false, map[string]string{"204": "1 >busy<"}},
		{"merge_order: [primary, publish, dialog, registration], im_to_rpidf: no", false, map[string]string{"201": "1 <rpid:away/>"}},
	} {
		if step.calls {
			talk(t, bob, dave)
			w.told(2)
		}
		if _, err := at.Apply(t.Context(), "settings.yaml", []byte("presence: {"+step.settings+"}\n")); err != nil {
			t.Fatal(err)
		}
		told := w.told(len(step.told))
		if got, want := slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(step.told)); !slices.Equal(got, want) {
			t.Errorf("%s: told of %v, want of %v", step.settings, got, want)
		}
		for user, want := range step.told {
			tuples, text, _ := strings.Cut(want, " ")
			if got := told[user]; fmt.Sprint(strings.Count(got, "<tuple ")) != tuples || !strings.Contains(got, text) {
				t.Errorf("%s: %s is told as %s, want %s", step.settings, user, got, want)
			}
		}
	}
}

// knows waits until a node has so many statements of a user.
func (m *townsman) knows(t *testing.T, user string, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, said := m.presences.Look(user)
		if len(said) == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("of %s it knows %+v, want %d", user, said, want)
		}
	}
}

// contactsOfAll is a node with the phones of three users and of one who watches.
func contactsOfAll(t *testing.T) (at *townsman, alice, bob, dave *wire.Conn, w *contacts) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "town.yaml")
	text := "domain: tel.test\nsites:\n  - {name: hq, networks: [127.0.0.0/8], calls: trusted}\nusers:\n"
	for _, user := range []string{"201", "202", "203", "204", teller} {
		text += fmt.Sprintf("  - {number: %q, password: secret-%s, site: hq}\n", user, user)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	town := &town{t: t, config: file, nodes: make(map[string]*townsman)}
	town.open("laurel", RoleMain, "laurel")
	at = town.nodes["laurel"]
	alice, bob, dave = aPhone(t, at, "201"), aPhone(t, at, "202"), aPhone(t, at, "204")
	return at, alice, bob, dave, &contacts{t: t, at: at, phone: aPhone(t, at, "203"), who: map[string]string{}}
}

// talk has 202 call 204, who answers.
func talk(t *testing.T, bob, dave *wire.Conn) {
	t.Helper()
	m := request(bob, "INVITE", "202", "204")
	m.Add("Contact", fmt.Sprintf("<sip:202@%s;transport=tcp>", bob.Local()))
	says(t, bob, m, 100)
	call, err := dave.Receive(10 * time.Second)
	if err != nil || call.Method() != "INVITE" {
		t.Fatalf("204 gets %q, %v, want a call", call.Start, err)
	}
	answer := call.Reply(200, "OK", "d")
	answer.Add("Contact", fmt.Sprintf("<sip:204@%s;transport=tcp>", dave.Local()))
	if err = dave.Send(answer); err != nil {
		t.Fatal(err)
	}
	got, err := bob.Receive(10 * time.Second)
	if err != nil || got.Status() != 200 {
		t.Fatalf("202 gets %q, %v, want 200", got.Start, err)
	}
}
