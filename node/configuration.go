package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/quorum"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/store"
	"carillon/store/disk"
)

// configuration is how this node reads and changes what the mains agree on. It
// implements [admin.Configuration]; History and At are the disk's.
type configuration struct {
	*disk.Config

	proposer proposer
	events   *admin.Events
}

// A proposer has an encoded Change agreed on: the quorum on a main, a forwarder
// elsewhere.
type proposer interface {
	Propose(ctx context.Context, command []byte) (index uint64, err error)
}

// View returns the configuration in force.
func (c *configuration) View() *store.View { return c.Store().View() }

// Propose returns when the Change is in force here or has been refused.
func (c *configuration) Propose(ctx context.Context, change store.Change) error {
	command, err := store.EncodeChange(change)
	if err != nil {
		return err
	}
	revision, err := c.propose(ctx, command)
	if err != nil {
		return err
	}
	who := store.AuthorOf(change).Who
	if who == "" {
		who = "somebody"
	}
	c.events.Add("configuration", "revision %d is in force, by %s", revision, who)
	return nil
}

func (c *configuration) propose(ctx context.Context, command []byte) (uint64, error) {
	revision, err := c.proposer.Propose(ctx, command)
	if err != nil {
		return 0, explainPropose(err)
	}
	return revision, c.waitFor(ctx, revision)
}

// explainPropose keeps a refusal as it is and makes of everything else that
// there is no decision now.
func explainPropose(err error) error {
	_, one := errors.AsType[*store.Error](err)
	_, many := errors.AsType[store.Errors](err)
	if one || many {
		return err
	}
	words := "nothing is changed: " + err.Error()
	if errors.Is(err, quorum.ErrNoQuorum) {
		words += "; if they are lost for long, `carillon cluster take-over` at a main that is left goes on without them"
	}
	return &admin.Problem{Kind: admin.Unavailable, Message: words}
}

// arrival is how long a Change may take from the mains to here.
const arrival = 5 * time.Second

// errNotYet says that a revision has not come.
var errNotYet = errors.New("it has not come yet")

// waitFor returns when the View of a revision, or a later one, is in force here.
func (c *configuration) waitFor(ctx context.Context, revision uint64) error {
	err := c.await(ctx, revision, time.After(arrival))
	if errors.Is(err, errNotYet) {
		return &admin.Problem{
			Kind:    admin.Unavailable,
			Message: fmt.Sprintf("revision %d is in force at the mains and has not come here yet", revision),
		}
	}
	return err
}

// await waits for it, at most until something comes from limit.
func (c *configuration) await(ctx context.Context, revision uint64, limit <-chan time.Time) error {
	here := make(chan struct{}, 1)
	stop := c.Store().Watch(func(v *store.View) {
		if v.Index() >= revision {
			select {
			case here <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	if c.View().Index() >= revision {
		return nil
	}
	select {
	case <-here:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-limit:
		return errNotYet
	}
}

// The kind of question by which a Change goes to a main.
const askChange = "change"

// A forwarder proposes at a main.
type forwarder struct{ peers *peers }

// A decision is a main's answer to a Change.
type decision struct {
	Index  uint64       `json:"index,omitempty"`
	Lines  []store.Line `json:"lines,omitempty"`  // what it did, where that was asked
	Errors store.Errors `json:"errors,omitempty"` // a refusal
	Reason string       `json:"reason,omitempty"` // no decision
}

// Propose implements [proposer].
func (f forwarder) Propose(ctx context.Context, command []byte) (uint64, error) {
	d, err := f.decided(ctx, askChange, command)
	return d.Index, err
}

// decided puts a question to a main. What one main has heard no other is asked,
// unless that one could not decide.
func (f forwarder) decided(ctx context.Context, kind string, body []byte) (decision, error) {
	err := errors.New("no main is known here")
	for _, main := range f.peers.mains() {
		var answer []byte
		if answer, err = f.peers.port.Ask(ctx, main.Name, main.Address, kind, body); err != nil {
			continue
		}
		var d decision
		if err = json.Unmarshal(answer, &d); err != nil || d.Index > 0 {
			return d, err
		}
		if err = decodeRefusal(answer); len(d.Errors) > 0 {
			return d, err
		}
	}
	return decision{}, fmt.Errorf("no main takes it: %w", err)
}

// decide answers another node's Change. A branch cannot know that a file brings the
// passwords that there are: what changes nothing makes no revision.
func (c *configuration) decide(ctx context.Context, from link.Peer, command []byte) ([]byte, error) {
	change, err := store.DecodeChange(command)
	if err != nil {
		return nil, err
	}
	if why := notFor(from, change); why != nil {
		return encodeRefusal(why), nil
	}
	if view := c.View(); changesNothing(change, view) {
		return json.Marshal(decision{Index: view.Index()})
	}
	index, err := c.propose(ctx, command)
	if err != nil {
		return encodeRefusal(err), nil
	}
	return json.Marshal(decision{Index: index})
}

// notFor returns why a node that is no main may not ask for a Change, or nil: it may
// be in the wrong hands. It says of itself alone where it is, and its certificate
// says what it is. A LifeGUARD takes a file too, as its administrator may; all else a
// main does, which has questions of their own for it.
func notFor(from link.Peer, change store.Change) error {
	refused := func(format string, args ...any) error {
		return &store.Error{Kind: store.Invalid, Field: "node", Message: fmt.Sprintf(format, args...)}
	}
	switch change := change.(type) {
	case store.SetNode:
		if n := change.Node; n.Name == from.Node && n.Role == string(from.Role) {
			return nil
		}
		return refused("%s is %s, and speaks of no other", from.Node, from.Role)
	case store.Drain:
		if change.Name == from.Node {
			return nil
		}
	case store.Replace:
		if from.Role == link.LifeGUARD && !change.Exact {
			return nil
		}
	}
	return refused("a main does that, not %s, which is a %s", from.Node, from.Role)
}

// changesNothing reports whether a Change is a configuration that is in force
// already.
func changesNothing(change store.Change, view *store.View) bool {
	replace, ok := change.(store.Replace)
	if !ok {
		return false
	}
	next, err := replace.On(view)
	return err == nil && len(store.Diff(view, next)) == 0
}

// encodeRefusal and decodeRefusal carry why a Change is not in force between
// nodes.
func encodeRefusal(err error) []byte {
	var d decision
	if one, ok := errors.AsType[*store.Error](err); ok {
		d.Errors = store.Errors{one}
	}
	if all, ok := errors.AsType[store.Errors](err); ok {
		d.Errors = all
	}
	if len(d.Errors) == 0 {
		d.Reason = err.Error()
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil // strings and numbers always encode
	}
	return b
}

func decodeRefusal(b []byte) error {
	var d decision
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("reading a refusal: %w", err)
	}
	switch {
	case len(d.Errors) == 1:
		return d.Errors[0]
	case len(d.Errors) > 1:
		return d.Errors
	default:
		return errors.New(d.Reason)
	}
}

// source offers the configuration to those who do not decide it, and sink takes
// it there. They implement [session.Source] and [session.Sink].
type source struct {
	config *disk.Config
	log    *slog.Logger
}

// Index implements [session.Source].
func (s source) Index() uint64 { return s.config.Store().View().Index() }

// Snapshot implements [session.Source].
func (s source) Snapshot(role string) session.Snapshot {
	shared := s.config.Shared
	if role == RoleWitness {
		shared = s.config.Bare
	}
	view, b, err := shared()
	if err != nil {
		s.log.Error("offering the configuration", "error", err)
		return session.Snapshot{}
	}
	return s.snapshot(view, b)
}

// Past implements [session.Source]: the history has it, if it is not too old.
func (s source) Past(role string, index uint64) (session.Snapshot, bool) {
	shared := s.config.SharedAt
	if role == RoleWitness {
		shared = s.config.BareAt
	}
	view, b, err := shared(index)
	if err != nil {
		return session.Snapshot{}, false
	}
	return s.snapshot(view, b), true
}

func (s source) snapshot(view *store.View, shared []byte) session.Snapshot {
	return session.Snapshot{Index: view.Index(), Shared: shared, Own: func(node string) []byte {
		own, err := secretsOf(view, node)
		if err != nil {
			s.log.Error("offering the digests of a site", "node", node, "error", err)
		}
		return own
	}}
}

type sink struct {
	config     *configuration
	node, role string // this one
}

// Index implements [session.Sink].
func (s sink) Index() uint64 { return s.config.View().Index() }

// Has implements [session.Sink]: who has a part of the View knows what it was made of.
func (s sink) Has() (shared, own []byte, ok bool) {
	if s.role == RoleWitness {
		_, all, err := s.config.Bare()
		return all, nil, err == nil
	}
	view, shared, err := s.config.Shared()
	if err == nil {
		own, err = secretsOf(view, s.node)
	}
	return shared, own, err == nil
}

// Install implements [session.Sink].
func (s sink) Install(index uint64, data []byte) error {
	if err := s.config.Install(data); err != nil {
		return err
	}
	s.config.events.Add("configuration", "revision %d came from the mains", index)
	return nil
}
