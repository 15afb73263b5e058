package trace

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A Message is one that passed, read as far as it can be: what is malformed is
// remembered too.
type Message struct {
	At            time.Time
	Sent          bool // else received
	Kind          transport.Kind
	Local, Remote netip.AddrPort
	Flow          uint64 // its ID
	Node          string // at the other end, if that is one
	Size          int    // of the message in bytes, also if only its beginning is kept

	Start    string // "INVITE", "180 Ringing", or the first line of what is no message
	Method   string // of the request, or of the one that is answered
	Status   int    // 0 for a request
	CallID   string
	From, To string // users, or hosts where there is no user
	Target   string // whom the Request-URI names
	ToTag    bool   // within a dialog, or about one
	SDP      bool

	raw string // with its secrets: Ring.Text hides them
}

// About reports whether a message is from, to or for a user.
func (m *Message) About(user string) bool {
	return user != "" && (m.From == user || m.To == user || m.Target == user)
}

// read makes a Message of an entry.
func read(e entry) Message {
	m := Message{
		At: e.At, Sent: e.Sent, Kind: e.Kind, Local: e.Local, Remote: e.Remote, Flow: e.Flow, Node: e.Node, Size: e.size, raw: e.raw,
	}
	head, _ := cutHead(e.raw)
	head = strings.TrimLeft(head, "\r\n")
	first := head[:lineEnd(head)]
	m.readStart(strings.TrimSpace(first))
	for field := range fields(head[len(first):]) {
		name, value, _ := strings.Cut(field, ":")
		m.readField(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	return m
}

// longestStart is how much is shown of a line that is no start line.
const longestStart = 40

func (m *Message) readStart(line string) {
	word := strings.Fields(line)
	switch {
	case len(word) >= 2 && word[0] == "SIP/2.0":
		m.Status, _ = strconv.Atoi(word[1]) // else 0, as what is no response
		m.Start = strings.TrimSpace(strings.TrimPrefix(line, word[0]))
	case len(word) == 3 && word[2] == "SIP/2.0":
		m.Method, m.Start, m.Target = word[0], word[0], userOf(word[1])
	default:
		m.Start = line
	}
	m.Start = strings.ToValidUTF8(m.Start[:min(len(m.Start), longestStart)], "?")
}

func (m *Message) readField(name, value string) {
	switch name {
	case "call-id", "i":
		m.CallID = value
	case "from", "f":
		m.From, _ = party(value)
	case "to", "t":
		m.To, m.ToTag = party(value)
	case "cseq":
		if word := strings.Fields(value); len(word) == 2 {
			m.Method = word[1]
		}
	case "content-type", "c":
		m.SDP = strings.HasPrefix(strings.ToLower(value), "application/sdp")
	}
}

// party returns whom a From or To names, and whether it has a tag.
func party(value string) (user string, tagged bool) {
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return "", false
	}
	_, tagged = a.Param("tag")
	return userOf(a.URI), tagged
}

func userOf(text string) string {
	u, err := message.ParseURI(text)
	if err != nil {
		return ""
	}
	if user := u.UserUnescaped(); user != "" {
		return user
	}
	return u.Host
}
