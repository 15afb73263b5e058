package main

import (
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
)

func TestTurnedAway(t *testing.T) {
	for _, tt := range []struct {
		name string
		give admin.Refused
		want string
	}{
		{"nobody", admin.Refused{}, "nobody"},
		{"some", admin.Refused{Strangers: 3, Joins: 1}, "strangers 3, joins 1"},
		{
			"all",
			admin.Refused{
				Strangers: 1, OtherSystem: 2, Removed: 3, Joins: 4, Protocols: 5, Crowded: 6, Forged: 7, Replayed: 8, Unwelcome: 9, Unlisted: 10,
			},
			"strangers 1, of another system 2, removed nodes 3, not in the registry 10, joins 4, unknown protocols 5, in a crowd 6, " +
				"forged packets 7, replayed packets 8, this node itself 9",
		},
	} {
		if got := turnedAway(tt.give); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestStatusOfACertificate: its end, and that it should have been renewed.
func TestStatusOfACertificate(t *testing.T) {
	s := admin.Status{Name: "mons", CertificateEnds: time.Date(2028, 5, 23, 12, 0, 0, 0, time.UTC)}
	for overdue, want := range map[bool]string{false: "certificate    until 2028-05-23\n", true: "until 2028-05-23; it should have been renewed"} {
		s.CertificateOverdue = overdue
		var b strings.Builder
		if err := new(statusTable(s)).write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("overdue %v: got %s, want %q", overdue, b.String(), want)
		}
	}
}

// TestStatusOfARemovedNode: what happened to it is said plainly, and to no other.
func TestStatusOfARemovedNode(t *testing.T) {
	for by, want := range map[string]bool{"": false, "laurel": true} {
		var b strings.Builder
		if err := new(statusTable(admin.Status{Name: "mons", Out: by})).write(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "laurel says that this node was removed"); got != want {
			t.Errorf("out by %q: got %s", by, b.String())
		}
	}
}
