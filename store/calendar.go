package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unique"
)

// A Calendar says where a user's calendar is asked what he does. The zero value is
// none. The mains ask, and no other node knows more than that there is one: an
// address may be as good as a password.
type Calendar struct {
	Address  string // http or https
	CalDAV   bool   // a collection of RFC 4791; otherwise a file of RFC 5545
	User     string // empty: nobody asks for a name
	Password Secret

	Elsewhere bool // there is one, and this node does not know it
}

// A Secret is a text that is used and never shown: whoever prints it, or what it is
// in, gets a word or an address in memory, and it is in no export. Two of the same
// text are equal. The zero value is none.
type Secret struct{ text unique.Handle[string] }

// NewSecret returns the Secret of a text; of none the zero value.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether s is none.
func (s Secret) IsZero() bool { return s == Secret{} }

// Equal reports whether both are of the same text.
func (s Secret) Equal(t Secret) bool { return s == t }

// Format implements [fmt.Formatter].
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(secret)")) }

// MarshalText implements [encoding.TextMarshaler].
func (s Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

const (
	longestCalendar      = 1000
	longestCalendarLogin = 128
)

// IsZero reports whether there is no calendar.
func (c Calendar) IsZero() bool { return c == Calendar{} }

// Server returns the host of the address, with its port if it has one.
func (c Calendar) Server() string {
	u, err := url.Parse(c.Address)
	if err != nil {
		return ""
	}
	return u.Host
}

// Protocol returns the word for how the calendar is asked.
func (c Calendar) Protocol() string {
	if c.CalDAV {
		return "caldav"
	}
	return "ics"
}

// IsOpen reports whether the password can be read on its way.
func (c Calendar) IsOpen() bool {
	u, err := url.Parse(c.Address)
	return err == nil && !c.Password.IsZero() && u.Scheme == "http" && !isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// keeping returns c with what a file does not have of it. A password is for one user
// at one server: no other is told it.
func (c Calendar) keeping(old Calendar) Calendar {
	switch {
	case c.Elsewhere:
		return old
	case c.User != "" && c.Password.IsZero() && c.User == old.User && c.origin() == old.origin():
		c.Password = old.Password
	}
	return c
}

// origin returns what of an address a password is for.
func (c Calendar) origin() string {
	u, err := url.Parse(c.Address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// scoped returns what nodes may have that are no mains.
func (c Calendar) scoped() Calendar {
	if c.IsZero() {
		return c
	}
	return Calendar{Elsewhere: true}
}

// calendar repeats nothing of the address, for it may be a secret.
func (v *validator) calendar(field string, c Calendar) {
	if c.IsZero() || c.Elsewhere {
		return
	}
	u, err := url.Parse(c.Address)
	switch {
	case err != nil || len(c.Address) > longestCalendar || strings.ContainsFunc(c.Address, func(r rune) bool { return r <= ' ' || r > '~' }):
		v.add(field, "this is no address of a calendar: write one like https://cal.example.net/alice.ics")
	case u.Scheme == "webcal" || u.Scheme == "webcals":
		v.add(field, "%s: is for programs that people use: write https: in its place", u.Scheme)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		v.add(field, "this is no address of a calendar: it begins with https:// or http:// and a host")
	case u.User != nil:
		v.add(field, "the address contains a user: write user and password beside it")
	case u.Fragment != "":
		v.add(field, "the address of a calendar has no #")
	}
	v.calendarLogin(field, c)
}

func (v *validator) calendarLogin(field string, c Calendar) {
	switch {
	case c.User == "" && !c.Password.IsZero():
		v.add(field, "the calendar has a password and no user")
	case c.User != "" && c.Password.IsZero():
		v.add(field, "the calendar needs its password here: what is kept is for one user at one server")
	case !isCalendarLogin(c.User) || strings.Contains(c.User, ":"):
		v.add(field, "the user of a calendar has at most %d characters, none of them a colon or a control character", longestCalendarLogin)
	case !isCalendarLogin(c.Password.Reveal()):
		v.add(field, "the password of a calendar has at most %d characters, none of them a control character", longestCalendarLogin)
	}
}

func isCalendarLogin(s string) bool {
	return len(s) <= 4*longestCalendarLogin && len([]rune(s)) <= longestCalendarLogin && !strings.ContainsFunc(s, unicode.IsControl)
}

// text is what a plan shows: not the address, for it may be a secret.
func (c Calendar) text() string {
	switch {
	case c.IsZero():
		return ""
	case c.Elsewhere:
		return "elsewhere"
	case c.User != "":
		return c.Protocol() + " at " + c.Server() + " as " + c.User
	}
	return c.Protocol() + " at " + c.Server()
}

// secrets tells apart what text does not show.
func (c Calendar) secrets() string {
	if c.Address == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(c.Address + "\n" + c.Password.Reveal()))
	return hex.EncodeToString(sum[:])
}

// overhears says that somebody's password goes in the clear.
func (u User) overhears() (Line, bool) {
	return remark("user %s: the password of the calendar goes to %s unsealed, because its address begins with http:", u.Number, u.Calendar.Server()), u.Calendar.IsOpen()
}

// wireCalendar is a [Calendar].
type wireCalendar struct {
	_         struct{} `cbor:",toarray"`
	Address   string
	CalDAV    bool
	User      string
	Password  string
	Elsewhere bool
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireCalendar) UnmarshalCBOR(b []byte) error {
	type plain wireCalendar // without this method
	return decodeShort(b, (*plain)(w))
}

func toWireCalendar(c Calendar) *wireCalendar {
	if c.IsZero() {
		return nil
	}
	return &wireCalendar{Address: c.Address, CalDAV: c.CalDAV, User: c.User, Password: c.Password.Reveal(), Elsewhere: c.Elsewhere}
}

func fromWireCalendar(w *wireCalendar) Calendar {
	if w == nil {
		return Calendar{}
	}
	return Calendar{Address: w.Address, CalDAV: w.CalDAV, User: w.User, Password: NewSecret(w.Password), Elsewhere: w.Elsewhere}
}
