package message

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	if len(names) > 64 {
		t.Fatalf("%d names, want at most 64: the index has a bit for each", len(names))
	}
	for n := Via; int(n) < len(names); n++ {
		for _, s := range []string{n.String(), strings.ToLower(n.String()), strings.ToUpper(n.String())} {
			if got := nameOf(s); got != n || s == "" {
				t.Errorf("%q: got %v, want %v", s, got, n)
			}
		}
	}
	for _, s := range []string{"", "x-other", "Vib", "z", "Content-Lengths", "Fro\r", "\x16ia", strings.Repeat("a", 300)} {
		if got := nameOf(s); got != Other {
			t.Errorf("%q: got %v, want Other", s, got)
		}
	}
	if got := Name(255).String() + Other.String(); got != "" {
		t.Errorf("no name: got %q", got)
	}
}

func TestCompactNames(t *testing.T) {
	want := map[string]Name{
		"b": ReferredBy, "c": ContentType, "e": ContentEncoding, "f": From, "i": CallID, "k": Supported, "l": ContentLength,
		"m": Contact, "o": Event, "r": ReferTo, "s": Subject, "t": To, "u": AllowEvents, "v": Via, "x": SessionExpires,
		"y": Identity,
	}
	for c := range 256 {
		s := string([]byte{byte(c)})
		if got := nameOf(s); got != want[strings.ToLower(s)] {
			t.Errorf("%q: got %v, want %v", s, got, want[s])
		}
	}
}

func TestMethods(t *testing.T) {
	for m := INVITE; m <= PUBLISH; m++ {
		if got := MethodOf(m.String()); got != m {
			t.Errorf("%v: got %v", m, got)
		}
	}
	for _, s := range []string{"", "invite", "INVITES", "NEW"} {
		if got := MethodOf(s); got != Unknown {
			t.Errorf("%q: got %v, want Unknown", s, got)
		}
	}
	if got := Method(200).String(); got != "" {
		t.Errorf("no method: got %q", got)
	}
}

func TestReasonPhrase(t *testing.T) {
	for status, want := range map[int]string{-1: "", 0: "", 99: "", 100: "Trying", 420: "Bad Extension", 599: "", 608: "Rejected", 700: ""} {
		if got := ReasonPhrase(status); got != want {
			t.Errorf("%d: got %q, want %q", status, got, want)
		}
	}
}
