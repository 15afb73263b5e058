package node

import (
	"cmp"
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
	return s.makeToken(ctx, store.JoinToken{Expires: time.Now().Add(ttl), By: who})
}

// answerToken makes a token for another node, which may be in the wrong hands: it
// lets in what that node is itself, and no main.
func (s *system) answerToken(ctx context.Context, from link.Peer, body []byte) ([]byte, error) {
	var q tokenQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	kept := store.JoinToken{Expires: time.Now().Add(q.TTL), By: q.Who + " at " + from.Node}
	if from.Role != link.Main {
		if from.Role != link.LifeGUARD {
			return nil, fmt.Errorf("a %s lets nobody join: ask for a token at a main", from.Role)
		}
		view := s.config.View()
		asker, known := view.Node(from.Node)
		if !known {
			return nil, fmt.Errorf("%s is no node of this system", from.Node)
		}
		kept.Role, kept.Site = store.Lifeguard, view.SiteOf(asker)
	}
	t, err := s.makeToken(ctx, kept)
	if err != nil {
		return nil, err
	}
	return json.Marshal(t)
}

// makeToken makes the token that the system is to keep like this, at a main.
func (s *system) makeToken(ctx context.Context, kept store.JoinToken) (admin.Token, error) {
	self := s.self()
	places := []netip.AddrPort{self.Address}
	for _, main := range s.peers.mains() {
		places = append(places, main.Address)
	}
	token := link.NewToken(s.authority, places)
	kept.Hash = token.Hash()
	if err := s.config.Propose(ctx, store.AddToken{By: store.Author{Who: kept.By, At: time.Now()}, Token: kept}); err != nil {
		return admin.Token{}, err
	}
	return admin.Token{
		Token: token.String(), Expires: kept.Expires.UTC().Truncate(time.Second),
		Join: self.Address.Addr().String(), Role: kept.Role, Site: cmp.Or(kept.Site, s.config.View().SiteOf(self)),
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
