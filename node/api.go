package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"carillon/cluster/link"
	"carillon/node/admin"
)

// apiPort is where programs ask.
const apiPort = 8080

// parseAPI reads an address to answer programs at over HTTPS; the zero AddrPort is none.
// Unless something is said, it is that of listen.
func parseAPI(text string, listen netip.Addr) (netip.AddrPort, error) {
	switch text {
	case "":
		return netip.AddrPortFrom(listen, apiPort), nil
	case off:
		return netip.AddrPort{}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(one(a), apiPort), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil || at.Port() == 0 {
		return at, fmt.Errorf("--api takes an IP address of this machine, and a port if it is not %d, as 172.30.42.11 or 172.30.42.11:8443, or off, not %q", apiPort, text)
	}
	return netip.AddrPortFrom(one(at.Addr()), at.Port()), nil
}

// askUses asks another node when tokens were used last at it.
const askUses = "api uses"

// allUses returns when tokens were used last, at each node that answers.
func (s *system) allUses(ctx context.Context) ([]admin.Use, []string) {
	found, silent := askAll[admin.Use](ctx, s, askUses, nil)
	return append(found, s.ownUses()...), silent
}

func (s *system) ownUses() []admin.Use { return s.uses.All(s.config.View().APITokens()) }

func (s *system) answerUses(context.Context, link.Peer, []byte) ([]byte, error) {
	return json.Marshal(s.ownUses())
}
