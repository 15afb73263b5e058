package live

import (
	"slices"
	"strings"
	"time"

	"carillon/store"
)

// A SourceKind says where a statement about a user comes from. The zero value is
// no source.
type SourceKind uint8

// The kinds of sources, in the order in which they count unless the settings say
// otherwise.
const (
	FromDialog       SourceKind = 1 + iota // the calls that the user is in
	FromPrimary                            // what was published by the primary source of the settings
	FromPublish                            // what was published by any other
	FromRegistration                       // whether a phone is registered
)

// sourceKinds are the words for the kinds in settings.
func sourceKinds() []string {
	return []string{FromDialog: "dialog", FromPrimary: "primary", FromPublish: "publish", FromRegistration: "registration"}
}

// String returns the word for k; "" for no source.
func (k SourceKind) String() string {
	if words := sourceKinds(); int(k) < len(words) {
		return words[k]
	}
	return ""
}

// SourceKindOf returns the kind that a word stands for, and false if it is none.
// "usrloc" is the word for registration that OpenSIPS has.
func SourceKindOf(word string) (SourceKind, bool) {
	if word == "usrloc" {
		return FromRegistration, true
	}
	i := slices.Index(sourceKinds(), word)
	return SourceKind(max(0, i)), i > 0 //nolint:gosec // one of four
}

// A Presence is what one source says of one user. Its texts are valid UTF-8.
type Presence struct {
	User string
	ID   string // tells the sources of one kind apart; empty for dialogs and registrations
	Node string // that has taken it from the source
	Kind SourceKind

	// Source names who says it, for merge_primary_source and for people: "web",
	// "calendar", or what a phone calls itself.
	Source string
	By     string // the user who has published it, if that is another than User

	Open     bool   // the user can be reached (RFC 3863 basic)
	Activity string // one of store.Activities, or empty
	Note     string // for people
	// IM is the status of the namespace urn:ietf:params:xml:ns:pidf:im that Snom
	// phones publish, as it came. The settings say whether it becomes an activity.
	IM string

	// Fixed is what lasts as Expires says and no longer, whatever becomes of the node that
	// has it: who says it again says something new.
	Fixed bool

	Gone bool // the source has withdrawn it while another node had it: owners tell each other, nobody else is told

	Turn    uint32        // how often it was refreshed at Node since it came there or changed; 0 at other nodes
	Stamp   int64         // orders what is published: milliseconds, counted on where clocks fall back
	Expires time.Duration // how long it lasts without being said again; 0 for dialogs and registrations
	Since   time.Time     // when this node heard of it
}

// FromAPI is the ID and the Source of what programs and administrators say of a user.
// There is one such statement: who says something last is believed, at whichever node.
const FromAPI = "api"

// FromCalendar is the ID and the Source of what users' calendars say. Phones that call
// themselves FromAPI or FromCalendar are phones: what is Fixed alone is of the system.
const FromCalendar = "calendar"

// A State is what is told about a user: by the merge one Presence, without it one
// of each source. A user of whom nothing is known has none.
type State struct {
	Version uint32 // rises with each change of the rest, at this node
	Tuples  []Presence
}

// First returns what counts most; a closed Presence without a kind if nothing is
// known.
func (s State) First() Presence {
	if len(s.Tuples) == 0 {
		return Presence{}
	}
	return s.Tuples[0]
}

// The activities that a user's own calls and publications are asked for by name.
const (
	Away       = "away"
	Busy       = "busy"
	Meeting    = "meeting"
	OnThePhone = "on-the-phone"
	Vacation   = "vacation"
	Other      = "other"
)

// IsActivity reports whether RFC 4480 has the activity.
func IsActivity(name string) bool { return slices.Contains(store.Activities(), name) }

// A busy phone says what its user does in words of its own.
func ofIM(token string) (activity, note string) {
	switch word := strings.ToLower(strings.TrimSpace(token)); word {
	case "", "online", "available", "open", "idle", "offline", "closed": // that is said by basic
		return "", ""
	case "on-the-phone", "onthephone", "phone", "in-a-call":
		return OnThePhone, ""
	case "in-a-meeting":
		return Meeting, ""
	default:
		if IsActivity(word) {
			return word, ""
		}
		return Other, token
	}
}
