package dnsserver

import "encoding/binary"

// Nearly all questions look alike: one name, and EDNS at most. They are read
// here without making a message of them, and answered by what was packed for the
// last one who asked the same. What looks otherwise in any way takes the long
// way by miekg/dns, and so does the first of its kind.

const (
	headerSize = 12
	maxName    = 255 // bytes, on the wire (RFC 1035 section 3.1)
	maxLabel   = 63
	optSize    = 11 // bytes of an OPT without options: name, type, size, flags, length

	flagResponse, flagTruncated, flagRecursion   = 0x80, 0x02, 0x01 // of the third byte
	flagAvailable, flagAuthentic, flagUnverified = 0x80, 0x20, 0x10 // of the fourth

	typeOPT = 41
)

// A quick is a question as it came. The zero value is ready, and is used again.
type quick struct {
	key     [maxName + 5]byte // the name in lower case, type, class, and whether there is EDNS
	name    int               // bytes of the name
	end     int               // of the question in the packet
	size    int               // of the answers that the asker takes
	options bool              // of EDNS
}

// read reports whether the packet is such a question.
func (q *quick) read(p []byte) bool {
	const plain = flagRecursion<<8 | flagAuthentic | flagUnverified // flags that change nothing
	if len(p) < headerSize || binary.BigEndian.Uint16(p[2:])&^plain != 0 ||
		binary.BigEndian.Uint32(p[4:]) != 1<<16 || binary.BigEndian.Uint16(p[8:]) != 0 {
		return false
	}
	return q.readName(p) && q.readType(p) && q.readOPT(p[q.end:], binary.BigEndian.Uint16(p[10:]))
}

func (q *quick) readName(p []byte) bool {
	q.name = 0
	for rest := p[headerSize:]; len(rest) > 0; {
		n := int(rest[0])
		if n > maxLabel || n >= len(rest) || q.name+n+1 > maxName {
			return false
		}
		for i, c := range rest[:n+1] {
			if i > 0 && 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			q.key[q.name+i] = c
		}
		q.name += n + 1
		if n == 0 {
			return true
		}
		rest = rest[n+1:]
	}
	return false
}

func (q *quick) readType(p []byte) bool {
	at := headerSize + q.name
	q.end = at + 4 //nolint:mnd // type and class
	if len(p) < q.end {
		return false
	}
	copy(q.key[q.name:], p[at:q.end])
	return true
}

// readOPT reads what is behind the question: nothing, or EDNS of version 0.
func (q *quick) readOPT(p []byte, count uint16) bool {
	q.size, q.options = leastSize, false
	if q.key[q.name+4] = 0; count == 0 {
		return len(p) == 0
	}
	q.key[q.name+4] = 1
	if count > 1 || len(p) < optSize || p[0] != 0 || binary.BigEndian.Uint16(p[1:]) != typeOPT ||
		p[5] != 0 || p[6] != 0 || int(binary.BigEndian.Uint16(p[9:])) != len(p)-optSize {
		return false
	}
	q.size = min(max(int(binary.BigEndian.Uint16(p[3:])), leastSize), mostSize)
	q.options = len(p) > optSize
	return areOptions(p[optSize:])
}

// areOptions reports whether options are as long as they say.
func areOptions(p []byte) bool {
	const head = 4 // code and length
	for len(p) >= head {
		n := head + int(binary.BigEndian.Uint16(p[2:]))
		if n > len(p) {
			return false
		}
		p = p[n:]
	}
	return len(p) == 0
}

// asked returns the question as a key: who asks the same has the same.
func (q *quick) asked() []byte { return q.key[:q.name+5] }

// fits makes an answer of what was packed for the same question, to that in p,
// with the asker's own id, flags and capitals.
func (q *quick) fits(into, packed, p []byte, recursion bool) []byte {
	into = append(into[:0], packed...)
	copy(into, p[:2])
	into[2] = into[2]&^flagRecursion | p[2]&flagRecursion
	into[3] = into[3]&^flagUnverified | p[3]&flagUnverified
	if recursion {
		into[3] |= flagAvailable
	}
	copy(into[headerSize:], p[headerSize:headerSize+q.name])
	return into
}

// comeByTCP is an answer to p with nothing in it, and not longer than p.
func (q *quick) comeByTCP(into, p []byte) []byte {
	into = append(into[:0], p[:q.end]...)
	into[2], into[3] = flagResponse|flagTruncated|p[2]&flagRecursion, 0
	binary.BigEndian.PutUint16(into[10:], 0)
	return into
}
