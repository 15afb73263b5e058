package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Every refusal of a calendar, in words that repeat nothing of it.
func TestCalendarsRefused(t *testing.T) {
	const host = "//cal.example.net/private-x7"
	for _, c := range []struct {
		calendar Calendar
		want     string // empty: it is taken
	}{
		{Calendar{}, ""},
		{Calendar{Address: "https:" + host}, ""},
		{Calendar{Address: "http:" + host + "?token=x", CalDAV: true, User: "alice", Password: NewSecret("x7")}, ""},
		{Calendar{Elsewhere: true}, ""},
		{Calendar{Address: "ftp:" + host}, "begins with https:// or http:// and a host"},
		{Calendar{Address: "webcal:" + host}, "write https: in its place"},
		{Calendar{Address: "/private-x7"}, "begins with https:// or http:// and a host"},
		{Calendar{Address: "https:///private-x7"}, "begins with https:// or http:// and a host"},
		{Calendar{Address: "https://x7 private"}, "write one like https://"},
		{Calendar{Address: "https:" + host + strings.Repeat("x", 1000)}, "write one like https://"},
		{Calendar{Address: "https://alice:x7@cal.example.net/"}, "write user and password beside it"},
		{Calendar{Address: "https:" + host + "#x7"}, "has no #"},
		{Calendar{Address: "https:" + host, User: "alice"}, "needs its password here"},
		{Calendar{Address: "https:" + host, Password: NewSecret("x7")}, "has a password and no user"},
		{Calendar{Address: "https:" + host, User: "a:b", Password: NewSecret("x7")}, "none of them a colon"},
		{Calendar{Address: "https:" + host, User: "alice", Password: NewSecret("x7\n")}, "none of them a control character"},
	} {
		err := Config{Domain: "tel.example.org", Users: []User{{Number: "201", Calendar: c.calendar}}}.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v is refused: %v", c.calendar, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: got %v, want %q", c.calendar, err, c.want)
		case err != nil && strings.Contains(err.Error(), "x7"):
			t.Errorf("it repeats what may be a secret: %v", err)
		}
	}
}

// A password is kept for one user at one server, and for no other.
func TestACalendarsPasswordStays(t *testing.T) {
	was := Calendar{Address: "https://cal.example.net/a", User: "alice", Password: NewSecret("s3cret")}
	v := NewView(Config{Domain: "tel.example.org", Users: []User{{Number: "201", Calendar: was}}})
	for _, c := range []struct {
		next Calendar
		want string // its password; "-" if it is refused
	}{
		{Calendar{Address: "https://cal.example.net/a", User: "alice"}, "s3cret"},
		{Calendar{Address: "https://cal.example.net/b", CalDAV: true, User: "alice"}, "s3cret"},
		{Calendar{Address: "https://cal.example.net/a", User: "alice", Password: NewSecret("new")}, "new"},
		{Calendar{Elsewhere: true}, "s3cret"},
		{Calendar{Address: "https://cal.example.net/a"}, ""},
		{Calendar{}, ""},
		{Calendar{Address: "https://evil.example.net/a", User: "alice"}, "-"},
		{Calendar{Address: "http://cal.example.net/a", User: "alice"}, "-"},
		{Calendar{Address: "https://cal.example.net/a", User: "bob"}, "-"},
	} {
		next, err := Replace{Realm: v.Domain(), Users: []User{{Number: "201", Calendar: c.next}}}.On(v)
		got := "-"
		if err == nil {
			u, _ := next.User("201")
			got = u.Calendar.Password.Reveal()
		}
		if got != c.want {
			t.Errorf("%v: got %q (%v), want %q", c.next, got, err, c.want)
		}
	}
}

// A node that is no main has nothing of a calendar, and can hand back what it has
// without taking it away.
func TestACalendarIsForMains(t *testing.T) {
	was := Calendar{Address: "https://cal.example.net/private-x7", User: "alice", Password: NewSecret("s3cret")}
	v := NewView(Config{Domain: "tel.example.org", Sites: []Site{{Name: "mons"}}, Users: []User{{Number: "201", Site: "mons", Calendar: was}, {Number: "202"}}})
	for _, site := range []string{"", "mons"} {
		scoped := v.Scope(site)
		b, err := EncodeConfig(scoped)
		if err != nil || bytes.Contains(b, []byte("s3cret")) || bytes.Contains(b, []byte("x7")) || bytes.Contains(b, []byte("alice")) {
			t.Errorf("a node at %q has the calendar (%v)", site, err)
		}
		there := NewView(scoped)
		if there.Hash() != v.Hash() || !v.HoldsMore(there) || there.HoldsMore(there) {
			t.Errorf("a node at %q finds another configuration", site)
		}
		back, err := Replace{Realm: v.Domain(), Users: there.Config().Users}.On(v)
		if err != nil || len(Diff(v, back)) > 0 {
			t.Errorf("what it hands back changes %v (%v)", Diff(v, back), err)
		}
	}
	b, err := EncodeConfig(v.Config())
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeConfig(b)
	if err != nil || c.Users[0].Calendar != was || c.Users[1].Calendar != (Calendar{}) {
		t.Errorf("it is read back as %+v (%v)", c.Users, err)
	}
}

// Whatever prints a calendar, its password is not there.
func TestASecretIsNotPrinted(t *testing.T) {
	u := User{Number: "201", Calendar: Calendar{Address: "https://cal.example.net", User: "alice", Password: NewSecret("s3cret")}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, u); strings.Contains(got, "s3cret") || strings.Contains(got, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// What a plan says of calendars: whose, where, and no secret.
func TestPlanOfCalendars(t *testing.T) {
	of := func(c Calendar) *View {
		return NewView(Config{Domain: "tel.example.org", Users: []User{{Number: "201", Digests: MakeDigests("201", "x", "y"), Calendar: c}}})
	}
	ics := Calendar{Address: "https://cal.example.net/private-x7.ics"}
	dav := Calendar{Address: "http://cal.example.net/alice", CalDAV: true, User: "alice", Password: NewSecret("s3cret")}
	other := dav
	other.Password = NewSecret("x7")
	const both = ", another address or password of the calendar"
	for _, c := range []struct {
		old, next Calendar
		want      string
	}{
		{Calendar{}, ics, "~ user 201: calendar (none) -> ics at cal.example.net" + both},
		{ics, dav, "~ user 201: calendar ics at cal.example.net -> caldav at cal.example.net as alice" + both},
		{dav, other, "~ user 201: another address or password of the calendar"},
		{dav, Calendar{}, "~ user 201: calendar caldav at cal.example.net as alice -> (none)" + both},
		{dav, dav, ""},
	} {
		got := ""
		for _, l := range Diff(of(c.old), of(c.next)) {
			got += l.String()
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	added := Diff(NewView(Config{Domain: "tel.example.org"}), of(dav))
	if want := "+ user 201: with password, calendar caldav at cal.example.net as alice"; len(added) != 1 || added[0].String() != want {
		t.Errorf("got %v, want %q", added, want)
	}
	const remark = "! user 201: the password of the calendar goes to cal.example.net unsealed, because its address begins with http:"
	if got := Remarks(of(ics), of(dav)); len(got) != 1 || got[0].String() != remark {
		t.Errorf("got %v, want %q", got, remark)
	}
}
