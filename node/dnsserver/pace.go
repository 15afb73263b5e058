package dnsserver

import "time"

const breath = time.Millisecond // that questions are gathered for while there are many

// A pace decides how to wait for the next questions. While they come singly each
// is answered at once; while there are many, those of a moment are answered
// together, because waking up costs more than an answer.
type pace struct {
	last time.Time // run
	slow bool      // the last wait was a breath
}

// gathers reports whether to take a breath instead of waiting for the next
// datagram, after a run of n that began at now.
func (p *pace) gathers(n int, now time.Time) bool {
	soon := now.Sub(p.last) < breath
	p.last = now
	p.slow = n > 1 || n == 1 && soon && !p.slow
	return p.slow
}
