package message

import (
	"errors"
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	const whole = request + via + "l: 3\r\n\r\nabc"
	large := request + strings.Repeat("a: b\r\n", MaxHead/6) + "\r\n"
	tests := []struct {
		name string
		buf  string
		want int
		err  string
	}{
		{"nothing", "", 0, ""},
		{"keep-alive", "\r\n\r\n", 0, ""},
		{"half a head", request + "Vi", 0, ""},
		{"head but for a byte", request + "l: 0\r\n\r", 0, ""},
		{"half a body", whole[:len(whole)-1], 0, ""},
		{"one", whole, len(whole), ""},
		{"one and a half", whole + "OPT", len(whole), ""},
		{"line ends in front", "\r\n\r\n" + whole + "\r\n", 4 + len(whole), ""},
		{"lines end in LF", "OPTIONS sip:a SIP/2.0\nl: 3\n\nabcd", 31, ""},
		{"folded length", request + "l:\r\n 2\r\n\r\nabc", len(request) + 12, ""},
		{"the same length twice", request + "l: 1\r\nl: 01\r\n\r\nabc", len(request) + 16, ""},
		{"a length in the body", request + "l: 6\r\n\r\nl: 99\nrest", len(request) + 14, ""},
		{"a length in a folded value", request + "Subject: a\r\n l: 99\r\nl: 0\r\n\r\n", len(request) + 28, ""},
		{"no length", request + via + "\r\nabc", 0, "411 Length Required"},
		{"negative length", request + "l: -1\r\n\r\n", 0, "400 Bad Content-Length"},
		{"empty length", request + "l: \r\n\r\n", 0, "400 Bad Content-Length"},
		{"length beyond numbers", request + "l: 99999999999999999999\r\n\r\n", 0, "400 Bad Content-Length"},
		{"two lengths", request + "l: 1\r\nl: 2\r\n\r\n", 0, "400 Bad Content-Length"},
		{"bad, then good", request + "l: x\r\nl: 0\r\n\r\n", 0, "400 Bad Content-Length"},
		{"too large a body", request + "l: 65536\r\n\r\n", 0, "513 Message Too Large"},
		{"too large a head", large, 0, "513 Message Too Large"},
		{"too large half a head", large[:MaxHead+1], 0, "513 Message Too Large"},
		{"junk without end", strings.Repeat("x", MaxHead+1), 0, "513 Message Too Large"},
		{"junk", strings.Repeat("x", MaxHead), 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, _, err := Frame([]byte(test.buf), 0)
			if n != test.want || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("got %d, %v, want %d, %q", n, err, test.want, test.err)
			}
		})
	}
	if _, _, err := Frame([]byte(request+"\r\n"), 0); !errors.Is(err, ErrNoLength) {
		t.Errorf("got %v, want ErrNoLength", err)
	}
}

// TestFrameSplit feeds a stream in two pieces, split at every byte, and byte by byte.
func TestFrameSplit(t *testing.T) {
	stream := []byte(odd + "\r\n\r\n" + invite + strings.ReplaceAll(odd, "\r\n", "\n") + odd)
	want := frames(stream, len(stream))
	if len(want) != 4 {
		t.Fatalf("got %d messages, want 4", len(want))
	}
	ones := make([]int, len(stream))
	for i := range stream {
		ones[i] = 1
		if got := frames(stream, i, len(stream)-i); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("split at %d: got %q", i, got)
		}
	}
	if got := frames(stream, ones...); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("byte by byte: got %q", got)
	}
}
