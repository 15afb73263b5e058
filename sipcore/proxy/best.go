package proxy

import (
	"errors"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
)

// best is the most telling final response so far (RFC 3261 section 16.7 step
// 6). The zero best is none.
type best struct {
	status   int
	response *message.Message   // nil when we made the status up
	clean    bool               // it came by another node
	asks     []*message.Message // every 401 and 407
}

// consider takes a response that is better than the one it has.
func (b *best) consider(status int, response *message.Message, clean bool) {
	if b.status == 0 || rank(status) < rank(b.status) {
		b.status, b.response, b.clean = status, response, clean
	}
}

// challenged takes note of a 401 or 407: the caller is to see all of them at once
// (RFC 3261 section 16.7 step 7).
func (b *best) challenged(response *message.Message) { b.asks = append(b.asks, response) }

// addOtherChallenges puts what the other phones ask into the response that goes
// to the caller.
func (b *best) addOtherChallenges(e *message.Edit) {
	for _, m := range b.asks {
		if m == b.response {
			continue
		}
		for i := range m.Lines() {
			if name, _, value := m.Line(i); name == message.WWWAuthenticate || name == message.ProxyAuthenticate {
				e.Append(name, value)
			}
		}
	}
}

// rank orders final responses, best first: a 6xx ends the search; then the
// lowest class; within 4xx those that the caller can mend come first, and a
// timeout, which says least, comes last. A 503 is a matter between us and one
// phone.
func rank(status int) int {
	switch {
	case status >= 600:
		return 0
	case status == 408:
		return 498
	case status == 503:
		return 599
	}
	switch status {
	case 401, 407, 415, 420, 484:
		return 400
	case 486:
		return 401
	case 487:
		return 497
	}
	return status + 2
}

// outcome says what became of the attempt, in the words of the features.
func (b *best) outcome() route.Outcome {
	switch b.status {
	case 486, 600:
		return route.Busy
	case 408, 487:
		return route.NoAnswer
	case 0, 480, 503:
		return route.Offline
	}
	return route.Failed
}

// failureStatus is the response that a failed client transaction counts as
// (RFC 3261 sections 16.8 and 16.9, with 480 for a phone that is gone).
func failureStatus(err error) int {
	if errors.Is(err, transaction.ErrTimeout) {
		return 408
	}
	return 480
}
