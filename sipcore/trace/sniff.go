package trace

import (
	"bytes"

	"carillon/sipcore/message"
)

// sniffed is how far into a message its CSeq is looked for.
const sniffed = 4 << 10

// longestMethod is that of the methods that have a name here.
const longestMethod = len("SUBSCRIBE")

// sniff finds out what a message is without parsing it: its method, Unknown for
// any other, and its class, 0 for a request. What is no message is a request of
// an unknown method.
func sniff(raw []byte) (m message.Method, class int) {
	for len(raw) > 0 && (raw[0] == '\r' || raw[0] == '\n') {
		raw = raw[1:]
	}
	if !bytes.HasPrefix(raw, []byte("SIP/2.0 ")) {
		return methodAt(raw), 0
	}
	if len(raw) > 8 && '1' <= raw[8] && raw[8] <= '6' {
		class = int(raw[8] - '0')
	}
	return cseqMethod(raw[:min(len(raw), sniffed)]), class
}

// cseqMethod returns the method in the CSeq of a head.
func cseqMethod(head []byte) message.Method {
	i := bytes.Index(head, []byte("CSeq:")) // with the line break before it, it would stop at each line
	if i < 0 {
		return message.Unknown
	}
	i += len("CSeq:")
	for i < len(head) && (head[i] == ' ' || head[i] == '\t' || '0' <= head[i] && head[i] <= '9') {
		i++
	}
	return methodAt(head[i:])
}

// methodAt returns the method that text begins with.
func methodAt(text []byte) message.Method {
	for i := range min(len(text), longestMethod+1) {
		if text[i] <= ' ' {
			return message.MethodOf(string(text[:i]))
		}
	}
	return message.Unknown
}
