package transport

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it; it guards nothing
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// subprotocol is what a WebSocket that carries SIP is called (RFC 7118 section 4).
const subprotocol = "sip"

const (
	maxUpgrade = 8 << 10 // bytes of a browser's HTTP request
	keyLength  = 16      // bytes of Sec-WebSocket-Key, decoded
	keyGUID    = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// A refused is an HTTP request that does not become a WebSocket, with the words
// for who looks why.
type refused struct {
	status int
	words  string
	origin string // the one that is not allowed, if that is it
}

// Error implements error.
func (r *refused) Error() string { return r.words }

// upgrade reads the request that turns HTTP into a WebSocket (RFC 6455 section
// 4.2) and answers it. rest is what the peer sent behind it. An error that is a
// *refused was answered.
func upgrade(rw io.ReadWriter, allowed func(origin string) bool) (rest []byte, err error) {
	r := bufio.NewReader(io.LimitReader(rw, maxUpgrade))
	request, err := http.ReadRequest(r)
	if err != nil {
		err = unreadable(err)
	} else {
		err = checkUpgrade(request, allowed)
	}
	if err != nil {
		return nil, refuseUpgrade(rw, err)
	}
	_, err = io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+acceptKey(request.Header.Get("Sec-Websocket-Key"))+"\r\nSec-WebSocket-Protocol: "+subprotocol+"\r\n\r\n")
	if err != nil {
		return nil, fmt.Errorf("answering a browser: %w", err)
	}
	return r.Peek(r.Buffered())
}

// unreadable says what is wrong with what is no request; a peer that went or
// was too slow gets no answer.
func unreadable(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &refused{status: http.StatusRequestHeaderFieldsTooLarge, words: "the request is too long, or cut off"}
	case errors.Is(err, io.EOF) || isTimeout(err):
		return err
	}
	return &refused{status: http.StatusBadRequest, words: "this is no HTTP request"}
}

// checkUpgrade says why a request cannot become a WebSocket that carries SIP.
func checkUpgrade(r *http.Request, allowed func(origin string) bool) error {
	origin := r.Header.Get("Origin")
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1):
		return &refused{status: http.StatusBadRequest, words: "a WebSocket begins with GET and HTTP/1.1"}
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return &refused{status: http.StatusUpgradeRequired, words: "Telephones in web pages connect here, by WebSocket. " +
			"If you see this over https, your browser trusts the certificate."}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return &refused{status: http.StatusUpgradeRequired, words: "only version 13 of WebSocket is spoken here"}
	case !isKey(r.Header.Get("Sec-Websocket-Key")):
		return &refused{status: http.StatusBadRequest, words: "Sec-WebSocket-Key is not 16 bytes in base64"}
	case !hasToken(r.Header, "Sec-Websocket-Protocol", subprotocol):
		return &refused{status: http.StatusBadRequest, words: `only the sub-protocol "sip" is spoken here`}
	case origin != "" && !allowed(origin):
		return &refused{status: http.StatusForbidden, origin: origin, words: fmt.Sprintf(
			"web pages of %q may not connect: add that to the origins of browsers in the configuration", origin)}
	}
	return nil
}

// refuseUpgrade tells the peer why, if it is there to hear it.
func refuseUpgrade(w io.Writer, err error) error {
	no, ok := errors.AsType[*refused](err)
	if !ok {
		return fmt.Errorf("reading a browser's request: %w", err)
	}
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s\n",
		no.status, http.StatusText(no.status), len(no.words)+1, no.words) // it goes anyway
	return no
}

// acceptKey proves to the peer that its request was understood.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + keyGUID)) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

func isKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == keyLength
}

// hasToken reports whether a comma-separated header field has a token, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, value := range h[name] {
		for t := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
