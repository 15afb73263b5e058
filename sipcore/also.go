package sipcore

import "net/netip"

// Also answers at one more address of the machine from now on: one that nodes
// share, and that this one has for a while. There is one at most.
func (s *Server) Also(addr netip.Addr) error { return s.transport.Also(addr) }

// Deafen has the server behave as if the line to some addresses of phones were cut;
// nil ends it.
func (s *Server) Deafen(to func(peer netip.Addr, came []byte) bool) { s.transport.Deafen(to) }

// NoMore ends what Also began; connections to that address are reset.
func (s *Server) NoMore(addr netip.Addr) { s.transport.NoMore(addr) }
