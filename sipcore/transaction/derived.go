package transaction

import "bytes"

// A derived is a request that follows from an INVITE as it was sent: the ACK of
// a non-2xx response (RFC 3261 section 17.1.1.3) or a CANCEL (section 9.1).
type derived struct {
	method string
	to     string // the response's To; "": the INVITE's
	reason string // RFC 3326; "": none
}

// from writes the request. invite is the INVITE or its outline.
func (d derived) from(invite []byte) []byte {
	b := make([]byte, 0, 512)
	b = append(b, d.method...)
	start := startLine(invite)
	b = append(b, start[max(0, bytes.IndexByte(start, ' ')):]...)
	for p, line := range parts(invite) {
		b = d.appendPart(b, p, line)
	}
	if d.reason != "" {
		b = appendHeader(b, "Reason", d.reason)
	}
	return append(b, "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"...)
}

func (d derived) appendPart(b []byte, p part, line []byte) []byte {
	switch {
	case p == toPart && d.to != "":
		return appendHeader(b, "To", d.to)
	case p == cseqPart:
		return appendHeader(b, "CSeq", firstNumber(line)+" "+d.method)
	default:
		return append(b, line...)
	}
}

// firstNumber returns the first digits of a CSeq line.
func firstNumber(line []byte) string {
	const digits = "0123456789"
	line = line[max(0, bytes.IndexAny(line, digits)):]
	return string(line[:len(line)-len(bytes.TrimLeft(line, digits))])
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
