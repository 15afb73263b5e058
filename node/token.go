package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store"
)

// A tokenQuestion asks a main for a token.
type tokenQuestion struct {
	Who string        `json:"who"`
	TTL time.Duration `json:"ttl"`
}

// NewToken implements [admin.Nodes]. Only a main knows the authority; another
// node asks one.
func (s *system) NewToken(ctx context.Context, who string, ttl time.Duration) (admin.Token, error) {
	if s.authority == nil {
		return s.askToken(ctx, tokenQuestion{Who: who, TTL: ttl})
	}
	self := s.self()
	places := []netip.AddrPort{self.Address}
	for _, main := range s.peers.mains() {
		places = append(places, main.Address)
	}
	now := time.Now()
	token := link.NewToken(s.authority, places)
	kept := store.JoinToken{Hash: token.Hash(), Expires: now.Add(ttl), By: who}
	if err := s.config.Propose(ctx, store.AddToken{By: store.Author{Who: who, At: now}, Token: kept}); err != nil {
		return admin.Token{}, err
	}
	return admin.Token{
		Token: token.String(), Expires: kept.Expires.UTC().Truncate(time.Second),
		Join: self.Address.Addr().String(), Site: s.config.View().SiteOf(self),
	}, nil
}

func (s *system) askToken(ctx context.Context, q tokenQuestion) (admin.Token, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return admin.Token{}, err
	}
	err = errors.New("no main is known here")
	for _, main := range s.peers.mains() {
		var answer []byte
		if answer, err = s.peers.ask(ctx, main, askToken, body); err == nil {
			var t admin.Token
			err = json.Unmarshal(answer, &t)
			return t, err
		}
	}
	return admin.Token{}, &admin.Problem{Kind: admin.Unavailable, Message: fmt.Sprintf("no main makes a token: %v", err)}
}
