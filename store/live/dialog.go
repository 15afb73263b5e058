package live

import "time"

// A Dialog is one user's side of a call, from the first INVITE to the last BYE
// (RFC 3261 section 12, RFC 4235). A user has one in a call, however many of his
// phones ring: it has the tag of the first that rang, then of the one that
// answered. User, Call, Node and Direction name it.
type Dialog struct {
	User string // whose side this is
	Call string // the ID of the call
	Node string // the owner: the node that let the call begin

	CallID    string
	LocalTag  string   // the user's
	RemoteTag string   // of the other side; empty while it has said nothing
	Remote    Identity // the other side
	Direction DialogDirection
	State     DialogState
	Private   bool // the other side wants not to be named
	ByUser    bool // the other side, who calls, is a user; an older node does not tell
	Old       bool // nothing is heard of Node now: this is how it was

	Since time.Time // when the call began to ring, or was answered
}

// isSame reports whether d and x are the same row, whatever it says.
func (d *Dialog) isSame(x *Dialog) bool {
	return d.Direction == x.Direction && d.Call == x.Call && d.Node == x.Node && d.User == x.User
}

// A Side is a Dialog of a call and how many phones ring for it. The URI of its Remote is
// a number, or what a stranger wrote: the user part. Its Dialog is written by
// [Dialogs.Set] alone.
type Side struct {
	Dialog

	Phones int32
	Left   bool     // this side has hung up, or the other one
	Others *Answers // nil while no more than one phone of the user has answered

	listed       bool   // this and the next are the table's
	looked       uint32 // the last Audit that found it to be of a call
	next, before *Side
}

// Answers are the tags of phones of one user when more than one has answered.
type Answers struct {
	Late []string // of all but the first
	Done []string // of those that were hung up while another talks
}

// IsShown reports whether it belongs into the table.
func (s *Side) IsShown() bool { return s.State != Terminated && s.User != "" }

// An Identity is how the other side of a call is shown.
type Identity struct {
	Display string
	URI     string
}

// A DialogDirection says who began the call.
type DialogDirection uint8

// The directions, by the user's part in the call.
const (
	Initiator DialogDirection = 1 + iota // the user calls
	Recipient                            // the user is called
)

// String returns the word that RFC 4235 has for d.
func (d DialogDirection) String() string {
	if d == Recipient {
		return "recipient"
	}
	return "initiator"
}

// A DialogState says how far a call is. They are in order: a lamp shows the
// largest of the user's dialogs.
type DialogState uint8

// The states of RFC 4235 section 3.7.1.
const (
	Terminated DialogState = iota // it is over: no table shows it, but a document may
	Trying
	Early
	Confirmed
)

// String returns the word that RFC 4235 has for s.
func (s DialogState) String() string {
	return [...]string{"terminated", "trying", "early", "confirmed"}[s&3]
}
