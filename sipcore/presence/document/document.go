// Package document writes and reads the bodies of event packages: what a NOTIFY
// tells of a user, a line, a list or a mailbox, and what a phone publishes or asks
// for. It is text and values: no subscription, no message, no I/O.
//
// Documents are written by hand, without an encoder between the state and the
// bytes: each change of a busy company is written for every watcher. What is read
// comes from strangers: its size and depth are bounded, and a document type, which
// is where entities come from, is refused.
package document

import "unicode/utf8"

// The types of the bodies, for Content-Type and Accept.
const (
	TypePIDF           = "application/pidf+xml"
	TypeDialogInfo     = "application/dialog-info+xml"
	TypeMessageSummary = "application/simple-message-summary"
	TypeRLMI           = "application/rlmi+xml"
	TypeResourceLists  = "application/resource-lists+xml"
	TypeMultipart      = "multipart/related"
)

const prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// appendElement appends an element that has a text alone.
func appendElement(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, '<'), name...), '>')
	dst = appendEscaped(dst, text)
	return append(append(append(dst, "</"...), name...), '>')
}

// appendAttribute appends an attribute with the space before it.
func appendAttribute(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), `="`...)
	return append(appendEscaped(dst, value), '"')
}

// appendEscaped appends a text so that it stands for itself within an element and
// an attribute. What XML cannot say at all becomes U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if instead := escapeOf(r, size); instead != "" {
			dst = append(append(dst, s[from:i]...), instead...)
			from = i + size
		}
		i += size
	}
	return append(dst, s[from:]...)
}

// escapeOf returns what is written for a character of so many bytes; empty for
// itself.
func escapeOf(r rune, size int) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '"':
		return "&quot;"
	case r == '\t':
		return "&#9;"
	case r == '\n':
		return "&#10;"
	case r == '\r':
		return "&#13;"
	case r < ' ', r == utf8.RuneError && size == 1, r == 0xFFFE, r == 0xFFFF:
		return "\uFFFD"
	}
	return ""
}
