package transport

import "sync/atomic"

// held counts the bytes that all streams together keep waiting, inbound and
// outbound, against one limit.
type held struct {
	limit int64
	bytes atomic.Int64
}

// take reserves n bytes; false, and nothing reserved, if they are too many.
func (h *held) take(n int) bool {
	if h.bytes.Add(int64(n)) > h.limit {
		h.give(n)
		return false
	}
	return true
}

// give returns n bytes taken before.
func (h *held) give(n int) { h.bytes.Add(-int64(n)) }
