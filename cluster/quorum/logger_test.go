package quorum

import (
	"bytes"
	"log/slog"
	"testing"
)

// TestAQuorumOfOneIsQuiet: an operator sees nothing when nothing is wrong.
func TestAQuorumOfOneIsQuiet(t *testing.T) {
	var said bytes.Buffer
	dir := t.TempDir()
	for range 2 {
		q, err := Open(Options{
			Dir: dir, Node: "laurel", Machine: new(memory), Found: true,
			Logger: slog.New(slog.NewTextHandler(&said, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		propose(t, q, "a")
		closeTest(t, q)
	}
	if said.Len() > 0 {
		t.Errorf("it says:\n%s", said.String())
	}
}
