package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/sipcore/trace"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// What nodes ask each other about messages.
const (
	askDialogs  = "dialogs"
	askMessages = "messages"
)

// How much one node tells: the latest. A line of 1 Mbit/s carries the dialogs
// in a second, and the messages of a user in some.
const (
	mostDialogs  = 500
	mostMessages = 2000
	mostText     = 2 << 20
)

// tracing shows the messages that this node remembers, and asks the others for
// theirs. It implements [admin.Tracing].
type tracing struct {
	name     string
	ring     *trace.Ring
	bindings *live.Bindings
	system   *system
}

// answers has the port hand over the questions of other nodes.
func (t *tracing) answers(port *link.Port) {
	port.HandleAsk(askDialogs, answerWith(t.ownDialogs))
	port.HandleAsk(askMessages, answerWith(t.ownMessages))
}

func answerWith[T any](find func(admin.TraceQuery) []T) func(context.Context, link.Peer, []byte) ([]byte, error) {
	return func(_ context.Context, _ link.Peer, body []byte) ([]byte, error) {
		var q admin.TraceQuery
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		return json.Marshal(find(q))
	}
}

// Dialogs implements [admin.Tracing].
func (t *tracing) Dialogs(ctx context.Context, q admin.TraceQuery) ([]admin.Dialog, []string) {
	found, silent := askEverybody(ctx, t, askDialogs, q, t.ownDialogs)
	return admin.MergeDialogs(found), silent
}

// Messages implements [admin.Tracing].
func (t *tracing) Messages(ctx context.Context, q admin.TraceQuery) ([]admin.Message, []string) {
	found, silent := askEverybody(ctx, t, askMessages, q, t.ownMessages)
	return admin.MergeMessages(found), silent
}

func askEverybody[T any](ctx context.Context, t *tracing, kind string, q admin.TraceQuery, own func(admin.TraceQuery) []T) ([]T, []string) {
	body, err := json.Marshal(q)
	if err != nil { // text becomes JSON always
		body = nil
	}
	found, silent := askAll[T](ctx, t.system, kind, body)
	return append(found, own(q)...), silent
}

func (t *tracing) ownDialogs(q admin.TraceQuery) []admin.Dialog {
	all, who := t.remembered()
	dialogs := trace.Dialogs(selected(all, who, q))
	rows := []admin.Dialog{}
	for _, d := range dialogs[max(0, len(dialogs)-mostDialogs):] {
		row := admin.Dialog{
			CallID: d.CallID, Method: d.Method, From: d.From, To: d.To, State: d.State, Messages: d.Messages,
			Source: t.sender(d.Source, who), First: d.First.UTC(), Last: d.Last.UTC(), Nodes: []string{t.name},
		}
		if !d.Destination.At.IsZero() {
			row.Destination = t.receiver(d.Destination, who)
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *tracing) ownMessages(q admin.TraceQuery) []admin.Message {
	all, who := t.remembered()
	all = selected(all, who, q)
	rows := []admin.Message{}
	for _, m := range latest(all) {
		rows = append(rows, admin.Message{
			Time: m.At.UTC(), Node: t.name, Sent: m.Sent, Transport: m.Kind.String(), Local: m.Local.String(),
			Peer: peer(m, who), Start: m.Start, Method: m.Method, Status: m.Status, CallID: m.CallID,
			From: m.From, To: m.To, SDP: m.SDP, Size: m.Size, Text: t.ring.Text(m),
		})
	}
	return rows
}

// latest leaves out what would be too much.
func latest(all []trace.Message) []trace.Message {
	all = all[max(0, len(all)-mostMessages):]
	text := 0
	for i, m := range slices.Backward(all) {
		if text += m.Size; text > mostText {
			return all[i+1:]
		}
	}
	return all
}

// selected returns the messages that are asked for. A user's are all of every
// dialog that he, or his phone, has a part in.
func selected(all []trace.Message, who users, q admin.TraceQuery) []trace.Message {
	if q == (admin.TraceQuery{}) {
		return all
	}
	calls := map[string]bool{q.CallID: q.CallID != ""}
	if q.CallID == "" {
		for _, m := range all {
			if m.CallID != "" && (m.About(q.User) || who[m.Remote] == q.User) {
				calls[m.CallID] = true
			}
		}
	}
	var found []trace.Message
	for _, m := range all {
		if calls[m.CallID] {
			found = append(found, m)
		}
	}
	return found
}

// users are those that are known to be at an address.
type users map[netip.AddrPort]string

// remembered returns all messages, and who was where.
func (t *tracing) remembered() ([]trace.Message, users) {
	all, who, sure := t.ring.Messages(), users{}, map[netip.AddrPort]bool{}
	for _, m := range all {
		user := m.From
		switch {
		case m.Kind == transport.Node || m.Status != 0 || sure[m.Remote]:
			continue
		case m.Sent:
			user = m.To
		}
		// Who is registered there is; who only says so may be.
		sure[m.Remote] = t.bindings.UsersOn(m.Flow, user)
		if who[m.Remote] == "" || sure[m.Remote] {
			who[m.Remote] = user
		}
	}
	return all, who
}

func peer(m trace.Message, who users) admin.End {
	if m.Kind == transport.Node {
		return admin.End{Name: m.Node, Address: m.Remote.String(), Node: true}
	}
	return admin.End{Name: who[m.Remote], Address: m.Remote.String()}
}

func (t *tracing) self(m trace.Message) admin.End {
	return admin.End{Name: t.name, Address: m.Local.String(), Node: true}
}

func (t *tracing) sender(m trace.Message, who users) admin.End {
	if m.Sent {
		return t.self(m)
	}
	return peer(m, who)
}

func (t *tracing) receiver(m trace.Message, who users) admin.End {
	if m.Sent {
		return peer(m, who)
	}
	return t.self(m)
}
