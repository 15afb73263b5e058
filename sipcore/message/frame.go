package message

import "strings"

// Frame finds the first complete message at the start of a stream's buffer. n is its length, with the line breaks that may
// stand before it; 0 when more bytes are needed. Then rescan is to be passed back as scanned with the longer buffer, so that
// nothing is looked at twice; it is 0 to begin with, and again after each message.
//
// An error means that nobody knows where the next message starts: Content-Length is missing (ErrNoLength), malformed or
// contradicts itself, or the head is larger than MaxHead, or the message than MaxMessage. The stream is lost then; Parse on
// the buffer may still give a request to answer.
func Frame(buf []byte, scanned int) (n, rescan int, err error) {
	if scanned < 0 { // the length is known
		n, rescan = await(buf, -scanned)
		return n, rescan, nil
	}
	text := view(buf)
	lead := len(text) - len(strings.TrimLeft(text, "\r\n"))
	if scanned > lead {
		if end, next := headEnd(text, scanned); end < 0 && len(text) <= lead+MaxHead {
			return 0, next, nil
		}
	}
	head, length, err := measureHead(text[lead:])
	switch {
	case head == 0 && len(text) > lead+MaxHead || head+length > MaxMessage:
		return 0, 0, tooLarge()
	case head == 0:
		return 0, max(lead, len(text)-2), nil
	case err != nil:
		return 0, 0, err
	}
	n, rescan = await(buf, lead+head+length)
	return n, rescan, nil
}

// await waits for a message of a known length, which it carries from call to call as a negative number.
func await(buf []byte, length int) (n, rescan int) {
	if len(buf) < length {
		return 0, -length
	}
	return length, 0
}

// measureHead finds the end of a head and its Content-Length in one pass. head is 0 when the end is not there.
func measureHead(text string) (head, length int, err error) {
	s := scanner{text: text[:min(len(text), MaxHead)]}
	length = -1
	for s.line(); s.inLines(); {
		if c := lower(text[s.pos]); c != 'c' && c != 'l' {
			s.line()
			continue
		}
		l := s.header()
		if l.name != ContentLength {
			continue
		}
		n, ok := parseNumber(text[l.value:l.end], 1<<31-1)
		if !ok || length >= 0 && n != length {
			err = bad("Bad Content-Length")
		}
		length = n
	}
	if s.emptyLine() == 0 {
		return 0, 0, nil
	}
	if length < 0 {
		return s.pos, 0, ErrNoLength
	}
	return s.pos, length, err
}
