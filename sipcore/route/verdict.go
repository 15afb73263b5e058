package route

import "strings"

// A Verdict is the last word on a call: [Ring], [Redirect], [Take] or [Reject].
type Verdict interface{ verdict() }

// Ring offers the call to its targets: those of equal Q at once, higher Q first.
type Ring struct {
	Targets []Target
	Call    *Call // as it has been sent on for what was told of somebody; nil: it has not
}

// A Target is one device to ring. Route leads to the node that holds the
// device, this node included, so that local and remote are one path; User and
// Device name the binding there, because a device may have moved to another
// flow by the time the request arrives. Targets of one Instance are flows of one
// phone (RFC 5626): the first is tried, and the next when that one has failed.
type Target struct {
	URI      string // the device's Contact
	Route    string // the name of the node that holds it
	User     string
	Device   string
	Instance string  // names the phone, where it may have several flows
	Q        float32 // RFC 3261 section 20.10, 0 to 1
	Silent   bool    // nothing is heard of its node: it is tried when all others failed

	Shown    string // to a carrier: the caller's number in E.164; "" if he has none that may be shown there
	Withheld bool   // the carrier is not to show it
	Insist   bool   // whatever a carrier refuses, the next one is tried
}

// trunk begins the User of a Target that is a carrier. No user's number has a
// slash.
const trunk = "trunk/"

// Trunk returns the User by which the carrier of a trunk is known; the Device is
// the node that speaks to it.
func Trunk(name string) (user string) { return trunk + name }

// TrunkOf returns the name of the trunk whose carrier a User is.
func TrunkOf(user string) (name string, ok bool) { return strings.CutPrefix(user, trunk) }

// IsTrunk reports whether t is a carrier.
func (t Target) IsTrunk() bool { return strings.HasPrefix(t.User, trunk) }

// SamePhone reports whether t and other are flows of one phone.
func (t Target) SamePhone(other Target) bool {
	return t.Instance != "" && t.Instance == other.Instance && t.User == other.User
}

// Redirect starts over with another callee, named by number.
type Redirect struct {
	To      string
	State   string // what was told of the callee that sends the call on; may be empty
	Version uint32 // of what was told
}

// Reject ends the call with a SIP status.
type Reject struct {
	Status int
	Reason string
	Words  string // what else there is to say; may be empty
}

func (Ring) verdict()     {}
func (Redirect) verdict() {}
func (Reject) verdict()   {}
func (Take) verdict()     {}
