package route

import "time"

// A Talk is a call as one user is in it, at whichever node.
type Talk struct {
	Node      string // that let the call begin, and alone can give it to somebody else
	CallID    string
	LocalTag  string // the user's
	RemoteTag string // of the other side

	Called bool // the user is called; else he calls
	Rings  bool // and nobody has answered yet
	Old    bool // nothing is heard of Node now
	Since  time.Time

	Other Party // the other side
}

// A Party is who is on the other side of a call.
type Party struct {
	User    string // his number, if he is one of our users
	Number  string // or what a stranger wrote
	Name    string // to display
	Private bool   // who it is is not for others
}

// Replaces names a call that another one is to take the place of (RFC 3891).
type Replaces struct {
	CallID    string
	ToTag     string // either tag may be missing
	FromTag   string
	EarlyOnly bool // it is not to be answered yet
	Referred  bool // who sends it was told to, by somebody in that call
}

// Names reports whether r is meant for t. Phones make it of what a lamp was told, and
// not all know which tag is whose: the two may stand in either order, and one that is
// missing, or 0, is any.
func (r *Replaces) Names(t *Talk) bool {
	if r.CallID != t.CallID {
		return false
	}
	return fits(r.ToTag, t.LocalTag) && fits(r.FromTag, t.RemoteTag) ||
		fits(r.ToTag, t.RemoteTag) && fits(r.FromTag, t.LocalTag)
}

func fits(given, tag string) bool { return given == "" || given == "0" || given == tag }

// Take gives a call that rings to who calls now. The node that holds it decides who
// is first.
type Take struct{ Talk Talk }
