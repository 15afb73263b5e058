package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"carillon/sipcore/message"
)

func sealer() *Sealer { return NewSealer([32]byte{1, 2, 3}, "laurel") }

const uuid = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

func someTokens() map[string]Token {
	return map[string]Token{
		"nothing":            {},
		"of a TCP phone":     {Kind: RecordRoute, User: "201", Device: uuid, Flow: 1 << 63, Dialog: DialogHash("a@b", "1")},
		"of a UDP phone":     {Kind: RecordRoute, User: "201", Device: "Zm9vYmFyYmF6cXV4", Flow: 5, Remote: netip.MustParseAddrPort("192.0.2.1:5060"), Dialog: 7},
		"over IPv6":          {Kind: Path, User: "bob", Remote: netip.MustParseAddrPort("[fe80::1%eth0]:5060")},
		"a flow of RFC 5626": {Kind: Path, User: "bob", Device: uuid + "#2"},
		"a UUID in capitals": {Kind: Path, User: "bob", Device: strings.ToUpper(uuid)},
		"nearly a UUID":      {Kind: Path, User: "bob", Device: strings.Replace(uuid, "4", "g", 1)},
		"a long device":      {Kind: Path, User: "é", Device: strings.Repeat("x", 500)},
	}
}

func TestTokens(t *testing.T) {
	s := sealer()
	for name, want := range someTokens() {
		t.Run(name, func(t *testing.T) {
			text := s.Seal(want)
			got, ok := s.Open(text)
			if !ok || got != want {
				t.Errorf("got %+v, %v; want %+v", got, ok, want)
			}
			uri, err := message.ParseURI("sip:" + text + "@192.0.2.1;lr")
			if err != nil || uri.User != text || uri.UserUnescaped() != text {
				t.Errorf("%q does not survive in a URI: %v %v", text, uri, err)
			}
			if second := NewSealer([32]byte{1, 2, 3}, "hardy"); second.Seal(want) != text {
				t.Error("another node of the system makes another token")
			}
			if _, ok := NewSealer([32]byte{9}, "laurel").Open(text); ok {
				t.Error("another system can open it")
			}
		})
	}
}

func TestTokensAreShort(t *testing.T) {
	for name, most := range map[string]int{"of a TCP phone": 70, "of a UDP phone": 84} {
		if got := len(sealer().Seal(someTokens()[name])); got > most {
			t.Errorf("%s: %d characters, want at most %d", name, got, most)
		}
	}
}

// A program that looks for the name of a header field anywhere in a message must
// not find it in a token: with all letters, every 120,000th would have "CSeq".
func TestTokensHoldNoNameOfAField(t *testing.T) {
	s := sealer()
	for i := range uint64(20_000) {
		for _, text := range []string{s.Seal(Token{Kind: RecordRoute, User: "201", Device: uuid, Dialog: i}), s.Nonce(here(), now())} {
			if strings.ContainsAny(text, "qQ") {
				t.Fatalf("got %q, want no q", text)
			}
		}
	}
}

func TestAlteredTokensDoNotOpen(t *testing.T) {
	s := sealer()
	text := s.Seal(someTokens()["of a TCP phone"])
	var altered []string
	for i := range len(text) {
		for _, c := range "AB9-_ \n=%" {
			altered = append(altered, text[:i]+string(c)+text[i:])
			if text[i] != byte(c) {
				altered = append(altered, text[:i]+string(c)+text[i+1:])
			}
		}
		altered = append(altered, text[:i], text[:i]+text[i+1:])
	}
	altered = append(altered, text+"A", text+"=", text+"\n", strings.Repeat("A", 4096), s.Nonce(here(), now()))
	for _, a := range altered {
		if got, ok := s.Open(a); ok {
			t.Errorf("%q opened as %+v", a, got)
		}
	}
}

// FuzzOpen: nothing but what was sealed opens, and it is what was sealed.
func FuzzOpen(f *testing.F) {
	s := sealer()
	for _, x := range someTokens() {
		f.Add(s.Seal(x))
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		x, ok := s.Open(text)
		if ok && s.Seal(x) != text {
			t.Errorf("%q opened as %+v, which is sealed as %q", text, x, s.Seal(x))
		}
	})
}

// FuzzParseToken: even what only a node with the key could send does no harm.
func FuzzParseToken(f *testing.F) {
	for _, x := range someTokens() {
		f.Add(x.append(nil))
	}
	f.Add([]byte("0,\x02000000000000000000\x00")) // a port without an address
	f.Fuzz(func(t *testing.T, plain []byte) {
		x, ok := parseToken(plain)
		if !ok {
			return
		}
		again, ok := parseToken(x.append(nil))
		if !ok || again != x {
			t.Errorf("got %+v, want %+v", again, x)
		}
	})
}

func ExampleSealer_Open() {
	s := NewSealer([32]byte{}, "laurel")
	text := s.Seal(Token{Kind: RecordRoute, User: "201", Flow: 42})
	token, ok := s.Open(text)
	fmt.Println(token.User, token.Flow, ok)
	_, ok = s.Open(strings.ToLower(text))
	fmt.Println(ok)
	// Output:
	// 201 42 true
	// false
}

func BenchmarkSeal(b *testing.B) {
	s, x := sealer(), someTokens()["of a TCP phone"]
	buf := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf = s.AppendSeal(buf[:0], x)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := sealer()
	text := s.Seal(someTokens()["of a TCP phone"])
	b.ReportAllocs()
	for b.Loop() {
		s.Open(text)
	}
}

func BenchmarkDialogHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		DialogHash("3848276298220188511@atlanta.example.com-and-some-more", "9fxced76sl")
	}
}
