package transport

import "carillon/sipcore/message"

// A Handler gets what arrives. Its methods are called by the reader of the flow
// that they name, in the order of arrival, and by many readers at once; they
// must not wait, nor call Layer.Close. A panic ends the message, not the reader.
type Handler interface {
	// Receive gets one message. The top Via of a request is already stamped
	// with received and rport (RFC 3261 section 18.2.1, RFC 3581).
	Receive(f Flow, m *message.Message)

	// Malformed gets what is no message; m is nil unless enough of it can be
	// read to answer. When a stream's framing is lost, the layer closes the
	// flow afterwards, and what Malformed sent still leaves.
	Malformed(f Flow, m *message.Message, err error)

	// Closed is the last call for a stream flow, and comes exactly once.
	Closed(f Flow)
}
