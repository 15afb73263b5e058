package proxy

import (
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// This file keeps what a sips URI asks for (RFC 3261 section 26.2.2, RFC 5630):
// each hop of the request is encrypted, or it is not carried. A phone that
// registered over TLS is reached so whichever scheme its Contact has. Between
// nodes all is encrypted, and the scheme of the Route says what the node that
// delivers has to keep.

// bars reports whether the fork may not go on by h, and remembers that.
func (f *fork) bars(h *hop) bool {
	if !f.secure || h.isNone() || h.isSecure() {
		return false
	}
	f.barred = true
	return true
}

// isSecure reports whether what goes by h is encrypted.
func (h *hop) isSecure() bool {
	switch {
	case h.node != "":
		return true
	case !h.flow.IsZero():
		return h.flow.Kind().Secure()
	}
	uri, err := message.ParseURI(h.uri)
	return err == nil && (isSecure(uri) || h.kind == transport.TLS && !hasTransport(uri))
}

// isSecure reports whether who follows uri speaks TLS.
func isSecure(uri message.URI) bool {
	name, _ := uri.Param("transport")
	return uri.IsSIPS() || strings.EqualFold(name, transport.TLS.String())
}

func hasTransport(uri message.URI) bool {
	_, ok := uri.Param("transport")
	return ok
}

// isSIPS reports whether the text of a URI has the scheme sips.
func isSIPS(uri string) bool {
	const sips = "sips:"
	return len(uri) > len(sips) && strings.EqualFold(uri[:len(sips)], sips)
}

// scheme begins a URI of ours in angle brackets.
func scheme(sips bool) string {
	if sips {
		return "<sips:"
	}
	return "<sip:"
}

// sipsNotAllowed tells a caller why nobody is there (RFC 5630 section 5.3).
func sipsNotAllowed(node string) string { return "380 " + node + ` "SIPS Not Allowed"` }
