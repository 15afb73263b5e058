package node

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"carillon/cluster/link"
	"carillon/store"
)

// askGoBack is the question by which a node that has no history has a main go back.
const askGoBack = "go back"

// A goingBack asks for a former configuration.
type goingBack struct {
	Who string `json:"who"`
	To  uint64 `json:"to"`
}

// GoBack implements [admin.Configuration]. Who does not decide has neither what was
// nor all passwords: a main goes back for him.
func (c *configuration) GoBack(ctx context.Context, to uint64, who string) ([]store.Line, error) {
	if f, elsewhere := c.proposer.(forwarder); elsewhere {
		return c.goBackBy(ctx, f, goingBack{Who: who, To: to})
	}
	old, err := c.At(to)
	if err != nil {
		return nil, err
	}
	view := c.View()
	change := store.ReplaceAll(old.Config(), store.Author{Who: who, At: time.Now()})
	next, err := change.On(view)
	if err != nil {
		return nil, err
	}
	lines := store.Diff(view, next) // without the nodes, which come and go by themselves
	if len(lines) == 0 {
		return nil, nil
	}
	return lines, c.Propose(ctx, change)
}

func (c *configuration) goBackBy(ctx context.Context, f forwarder, q goingBack) ([]store.Line, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	d, err := f.decided(ctx, askGoBack, body)
	if err != nil {
		return nil, explainPropose(err)
	}
	return d.Lines, c.waitFor(ctx, d.Index)
}

// goesBack answers another node that wants to go back.
func (c *configuration) goesBack(ctx context.Context, from link.Peer, body []byte) ([]byte, error) {
	var q goingBack
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	if from.Role == link.Witness {
		return nil, errors.New("a witness changes no configuration")
	}
	lines, err := c.GoBack(ctx, q.To, q.Who+" at "+from.Node)
	if err != nil {
		return encodeRefusal(err), nil
	}
	return json.Marshal(decision{Index: c.View().Index(), Lines: lines})
}
