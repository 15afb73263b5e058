package transaction

import (
	"bytes"
	"iter"
)

// A part is a header field that requests derived from an INVITE repeat.
type part uint8

const (
	notNeeded part = iota
	viaPart        // the topmost alone
	routePart
	fromPart
	toPart
	callIDPart
	cseqPart
)

// outline returns a copy of an INVITE with no more than its ACK and CANCEL need:
// a request that rings for minutes need not keep its body.
func outline(invite []byte) []byte {
	var room [1024]byte
	b := append(room[:0], startLine(invite)...)
	for _, line := range parts(invite) {
		b = append(b, line...)
	}
	return bytes.Clone(append(b, "\r\n"...))
}

// parts yields the header lines of an INVITE that derived requests repeat, with
// their line ends and continuation lines.
func parts(invite []byte) iter.Seq2[part, []byte] {
	return func(yield func(part, []byte) bool) {
		rest := invite[len(startLine(invite)):]
		seenVia := false
		for {
			n := headerLen(rest)
			if n == 0 {
				return
			}
			p := partOf(rest[:n])
			wanted := p != notNeeded && (p != viaPart || !seenVia)
			seenVia = seenVia || p == viaPart
			if wanted && !yield(p, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

func startLine(message []byte) []byte { return message[:bytes.IndexByte(message, '\n')+1] }

// headerLen returns the length of the header line at the start of b, 0 if the
// headers end there.
func headerLen(b []byte) int {
	if len(b) == 0 || b[0] == '\r' || b[0] == '\n' {
		return 0
	}
	n := 0
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return len(b)
		}
		n += i + 1
		if n == len(b) || (b[n] != ' ' && b[n] != '\t') {
			return n
		}
	}
}

func partOf(line []byte) part {
	name := bytes.TrimRight(line[:max(0, bytes.IndexByte(line, ':'))], " \t")
	switch len(name) {
	case 1:
		return compactPart(name[0] | 0x20)
	case len("To"):
		return ifNamed(name, "To", toPart)
	case len("Via"):
		return ifNamed(name, "Via", viaPart)
	case len("From"):
		return max(ifNamed(name, "From", fromPart), ifNamed(name, "CSeq", cseqPart))
	case len("Route"):
		return ifNamed(name, "Route", routePart)
	case len("Call-ID"):
		return ifNamed(name, "Call-ID", callIDPart)
	}
	return notNeeded
}

func ifNamed(name []byte, wanted string, p part) part {
	if len(name) == len(wanted) && bytes.EqualFold(name, []byte(wanted)) {
		return p
	}
	return notNeeded
}

func compactPart(letter byte) part {
	switch letter {
	case 'v':
		return viaPart
	case 'f':
		return fromPart
	case 't':
		return toPart
	case 'i':
		return callIDPart
	}
	return notNeeded
}
