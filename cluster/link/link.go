// Package link is the one port between the nodes of a system: TLS 1.3 with
// certificates of the system's own authority on TCP, sealed packets on UDP. It
// decides who may talk at all: identity, join tokens, and the protocols that
// share the port (ALPN). It moves bytes for ring, quorum, session, SIP between
// nodes and the questions they ask each other, and knows no meaning of them.
// What to do with a token, which certificates are revoked and who is a member
// is its caller's business.
package link

import (
	"errors"
	"fmt"
	"time"
)

// The protocols of the port, as ALPN names them.
const (
	ProtocolRaft    = "carillon-raft/2" // each connection says its epoch first
	ProtocolSession = "carillon-session/1"
	ProtocolRing    = "carillon-ring/1"
	ProtocolAsk     = "carillon-ask/1"
	ProtocolSIP     = "carillon-sip/1"
	ProtocolThrough = "carillon-through/1" // questions as those of ProtocolAsk, which pass a Deafen

	protocolJoin = "carillon-join/1" // the only one without a certificate
	protocolMeet = "carillon-meet/1" // learns the other's certificate, no more
)

// A Role is what a node is for; its certificate says so.
type Role string

// The roles.
const (
	Main      Role = "main"
	LifeGUARD Role = "lifeguard"
	Witness   Role = "witness"
)

func (r Role) valid() bool { return r == Main || r == LifeGUARD || r == Witness }

// A Peer is the node at the other end, as its certificate says.
type Peer struct {
	Node string
	Role Role
}

// Shown is what a node shows of itself.
type Shown struct {
	Peer

	Key         string    // fingerprint of its key
	Certificate string    // fingerprint of the certificate, by which former versions list nodes
	Ends        time.Time // the certificate, by the clock of the main that issued it
}

// Errors that a caller may tell apart.
var (
	// ErrRevoked: the certificate at the other end is revoked.
	ErrRevoked = errors.New("the certificate is revoked")
	// ErrUnlisted: the key at the other end is nobody's that is known here.
	ErrUnlisted = errors.New("the key is not that of a node")
	// ErrWrongNode: another node than the one dialled answered.
	ErrWrongNode = errors.New("another node answered")
	// ErrForeign: the certificate was not issued by this system.
	ErrForeign = errors.New("the certificate is of another system")
	// ErrClosed: the port is closed.
	ErrClosed = errors.New("the cluster port is closed")
)

const longestName = 63

// checkName accepts what may stand in a certificate, a log line and a table.
func checkName(node string) error {
	if node == "" || len(node) > longestName {
		return fmt.Errorf("a node's name has 1 to %d characters", longestName)
	}
	for _, c := range []byte(node) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("a node's name has no %q", c)
		}
	}
	return nil
}
