package session

import (
	"context"
	"net"
	"net/netip"
	"time"

	"carillon/cluster/link"
)

const (
	// Protocol is what sessions are called on the port.
	Protocol = "carillon-session/1"
	// PacketClass tells hellos from other packets.
	PacketClass = 'h'
)

// A Port connects to other nodes and knows who they are: the part of link.Port
// that sessions need.
type Port interface {
	Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error)
	Handle(protocol string, h func(ctx context.Context, c net.Conn, from link.Peer))
	SendPacket(class byte, node string, at netip.AddrPort, payload []byte) error
	HandlePacket(class byte, h func(from string, at netip.AddrPort, payload []byte))
	// Talked says when a packet of any class last went to a node and came from it.
	Talked(node string) (said, heard time.Time)
}
