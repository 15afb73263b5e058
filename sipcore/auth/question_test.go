package auth

import (
	"encoding/json"
	"testing"
)

// TestQuestionTravelsAsItIs: a phone's digest is of the bytes that it sent, letters or
// not; a question in letters is as it always was.
func TestQuestionTravelsAsItIs(t *testing.T) {
	for _, q := range []Question{
		{User: "201", Method: "REGISTER", URI: "sip:tel.example.org", Nonce: "n", Response: "r", NC: "00000001"},
		{User: "201", URI: "sip:é@tel.example.org"},
		{User: "2\xe91", URI: "sip:\xff\x00é@tel.example.org", CNonce: "\x80"},
	} {
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var got Question
		if err = json.Unmarshal(b, &got); err != nil || got != q {
			t.Errorf("%s: got %q, %v, want %q", b, got, err, q)
		}
	}
}
