package transaction

import (
	"encoding/binary"
	"hash/maphash"
	"strconv"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A key is the hash of what identifies a transaction (RFC 3261 sections 17.1.3
// and 17.2.3). 128 bits under secret seeds do not collide, neither by chance nor
// by intent, and unlike the text itself they keep no message alive.
type key [2]uint64

const tagLen = 12 // letters of 5 bits

// keys makes keys.
type keys struct{ low, high, tag maphash.Seed }

func newKeys() keys {
	return keys{low: maphash.MakeSeed(), high: maphash.MakeSeed(), tag: maphash.MakeSeed()}
}

func (k *keys) of(text []byte) key {
	return key{maphash.Bytes(k.low, text), maphash.Bytes(k.high, text)}
}

// server returns the key of the transaction of method that request m, whose top
// Via is given, belongs to. A request over another transport is another one:
// retransmissions, CANCEL and ACK come the way the request came (RFC 3261
// sections 9.1 and 17.1.1.3), and an answer must go back that way. Call-ID and
// CSeq number are the same in all of them too; they tell apart the requests of
// a client that uses a branch twice.
func (k *keys) server(t transport.Kind, m *message.Message, via message.ViaValue, method string) key {
	var room [256]byte
	b := append(room[:0], byte(t))
	if !isUnique(via.Branch) {
		return k.of(appendOld(b, m, method))
	}
	b = append(b, via.Branch...)
	b = append(b, 0)
	b = appendLower(b, via.Host)
	b = append(b, 0, byte(via.Port>>8), byte(via.Port)) //nolint:gosec // two bytes of it
	number, _ := m.CSeq()
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(b, method...)
	b = append(b, m.CallID()...)
	return k.of(b)
}

// client returns the key of the client transaction with this branch. A CANCEL
// travels as part of its INVITE's transaction.
func (k *keys) client(branch string, method message.Method) key {
	if method == message.CANCEL {
		method = message.INVITE
	}
	var room [128]byte
	return k.of(append(append(room[:0], branch...), byte(method)))
}

// toTag returns a To tag that follows from the key, for answers that must be
// the same each time without being remembered.
func (k *keys) toTag(of key) string {
	var room [tagLen]byte
	return string(k.appendToTag(room[:0], of))
}

// isToTag reports whether tag is the one that toTag returns.
func (k *keys) isToTag(tag string, of key) bool {
	var room [tagLen]byte
	return string(k.appendToTag(room[:0], of)) == tag
}

func (k *keys) appendToTag(b []byte, of key) []byte {
	return appendLetters(b, maphash.Comparable(k.tag, of), tagLen)
}

// appendOld appends what identifies a request without a unique branch. The To
// tag is left out for INVITE: its ACK has that of the response (see isAckOf).
func appendOld(b []byte, m *message.Message, method string) []byte {
	number, _ := m.CSeq()
	b = strconv.AppendUint(b, uint64(number), 10)
	b = append(b, 0)
	b = append(b, method...)
	fields := [...]string{m.RequestURI(), m.FromTag(), m.CallID(), firstVia(m), ""}
	if method != "INVITE" {
		fields[4] = m.ToTag()
	}
	for _, field := range fields {
		b = append(b, 0)
		b = append(b, field...)
	}
	return b
}

func firstVia(m *message.Message) string {
	for value := range m.Values(message.Via) {
		return value
	}
	return ""
}

// appendLower appends s, a host name, in lower case.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
