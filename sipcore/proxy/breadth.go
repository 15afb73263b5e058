package proxy

import (
	"strconv"

	"carillon/sipcore/message"
)

// maxBreadth is how many branches of one request may work at once, over all
// proxies, when nobody before us said less (RFC 5393 section 5.3.3).
const maxBreadth = 60

// breadthOf returns how many branches m may still have.
func breadthOf(m *message.Message) int {
	value, ok := m.Header(message.MaxBreadth)
	if !ok {
		return maxBreadth
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return maxBreadth
	}
	return min(n, maxBreadth)
}

// share is what the i-th of n branches gets of breadth.
func share(breadth, n, i int) int {
	part := breadth / n
	if i < breadth%n {
		part++
	}
	return part
}
