package sites

import "time"

const (
	rate  = 1_000_000 / 8 // bytes a second of a line, each way
	delay = 50 * time.Millisecond
	lan   = 200 * time.Microsecond
)

// A line connects a site with the head office, which has none: a queue each way,
// and what went through by what for.
type line struct {
	free    [2]time.Time
	carried map[string]int
}

const (
	up   = iota // to the head office
	down        // from there
)

// passes returns when so many bytes, which are at one end at an instant, have come
// out at the other.
func (l *line) passes(way int, at time.Time, bytes int, what string) time.Time {
	if l.free[way].Before(at) {
		l.free[way] = at
	}
	l.free[way] = l.free[way].Add(time.Duration(bytes) * time.Second / rate)
	l.carried[what] += bytes
	return l.free[way].Add(delay)
}

// What IP, UDP, the seal, TCP with timestamps and TLS add. An acknowledgement comes
// for every second segment.
const (
	packetHead  = 28 + 28
	segmentHead = 52
	segmentSize = 1448
	recordHead  = 22
)

// onLine returns what it costs to write so many bytes to a connection, and what the
// acknowledgements cost that come back.
func onLine(bytes int) (out, back int) {
	segments := (bytes + recordHead + segmentSize - 1) / segmentSize
	return bytes + recordHead + segments*segmentHead, (segments + 1) / 2 * segmentHead
}

// Connecting and closing with short handshakes, which nodes that have met have: TCP
// with three packets and two, TLS 1.3 with its tickets.
const (
	connectingUp   = 1100
	connectingDown = 900
)
