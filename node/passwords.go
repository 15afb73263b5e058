package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"carillon/cluster/link"
	"carillon/sipcore"
	"carillon/sipcore/auth"
)

// askPassword is the question about what a phone has shown for a password.
const askPassword = "password"

// longestQuestion is more than a phone can have shown.
const longestQuestion = 32 << 10

// firstAnswer is how long one main has to answer while there is another to ask.
const firstAnswer = 1200 * time.Millisecond

var errNoMain = errors.New("no main is heard")

// judge implements [sipcore.Judge]: the mains that are heard are asked, one after
// the other.
func (p *peers) judge(ctx context.Context, q auth.Question) (auth.Result, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return auth.Wrong, err
	}
	heard := p.Relays()
	err = errNoMain
	for i, main := range heard {
		asking, cancel := ctx, context.CancelFunc(func() {})
		if i+1 < len(heard) {
			asking, cancel = context.WithTimeout(ctx, firstAnswer)
		}
		var r auth.Result
		r, err = p.askPassword(asking, main, body)
		cancel()
		if err == nil {
			return r, nil
		}
	}
	return auth.Wrong, err
}

func (p *peers) askPassword(ctx context.Context, main string, body []byte) (auth.Result, error) {
	at, ok := p.addressOf(main)
	if !ok {
		return auth.Wrong, errNoMain
	}
	answer, err := p.port.Ask(ctx, main, at, askPassword, body)
	if err != nil {
		return auth.Wrong, err
	}
	r, ok := auth.ParseResult(string(answer))
	if !ok {
		return r, fmt.Errorf("%s has answered what makes no sense", main)
	}
	return r, nil
}

// judges has a main answer such questions of the others.
func (p *peers) judges(port *link.Port, sip *sipcore.Server) {
	port.HandleAsk(askPassword, func(_ context.Context, from link.Peer, body []byte) ([]byte, error) {
		var q auth.Question
		if len(body) > longestQuestion {
			return nil, errors.New("the question is too long")
		}
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		at, ok := p.addressOf(from.Node)
		if !ok {
			return nil, &unknownNode{from.Node}
		}
		return []byte(sip.Answer(q, at.Addr()).String()), nil
	})
}
