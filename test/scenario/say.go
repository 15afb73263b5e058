package scenario

import (
	"fmt"
	"strings"

	"carillon/test/house/wire"
)

const absent = "-"

// startLine returns the start line of a message in the words of a story: the
// status line of a response; the method of a request, and outside a dialog whom
// it is for.
func startLine(m wire.Message) string {
	if !m.Request() {
		return strings.TrimPrefix(m.Start, "SIP/2.0 ")
	}
	inside := wire.Param(m.Get("To"), "tag") != "" || m.Method() == "ACK" || m.Method() == "CANCEL"
	user, _, ok := strings.Cut(strings.TrimPrefix(m.URI(), "sip:"), "@")
	if inside || !ok {
		return m.Method()
	}
	return m.Method() + " " + user
}

// column returns a header of a message as a story writes it.
func (n *names) column(m wire.Message, name string, valued bool) Column {
	c := Column{Name: name, Valued: valued}
	switch {
	case name == "sdp":
		c.Value, c.Valued = sdpName(m), true
	case name == showsColumn:
		c.Value, c.Valued = shown(m), true
	case !m.Has(name):
		c.Value, c.Valued = absent, true
	case valued:
		var values []string
		for _, h := range m.Headers {
			if strings.EqualFold(h.Name, name) {
				values = append(values, n.plain(name, h.Value))
			}
		}
		c.Value = strings.Join(values, ", ")
	}
	return c
}

// sdp returns a session description that carries a word of the story.
func sdp(word string) string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=" + word + "\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
}

// sdpName returns the word that an untouched session description carries.
func sdpName(m wire.Message) string {
	if m.Body == "" {
		return absent
	}
	_, after, _ := strings.Cut(m.Body, "\r\ns=")
	word, _, _ := strings.Cut(after, "\r\n")
	if m.Body != sdp(word) || m.Get("Content-Type") != "application/sdp" {
		return fmt.Sprintf("changed(%q)", m.Body)
	}
	return word
}
