package admin

import (
	"context"
	"net/http"
	"time"
)

// A Certificate is what a phone must know to check the node over TLS.
type Certificate struct {
	Authority   string    `json:"authority"`        // the certificate of the system's own authority, in PEM
	Fingerprint string    `json:"fingerprint"`      // its SHA-256
	Names       []string  `json:"names"`            // what the certificate that is shown is good for
	Expires     time.Time `json:"expires,omitzero"` // and until when; zero: there is none yet
	File        string    `json:"file,omitempty"`   // the administrator's, if the authority did not issue it
}

func (s *Server) certificate(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.o.Certificate()) }

// Certificate returns what the node shows over TLS, and who vouches for it.
func (c *Client) Certificate(ctx context.Context) (Certificate, error) {
	return get[Certificate](ctx, c, "/v1/certificate", nil)
}
