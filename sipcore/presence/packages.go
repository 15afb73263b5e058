package presence

import (
	"bytes"
	"cmp"
	"slices"

	"carillon/sipcore/presence/document"
	"carillon/store/live"
)

// Dialogs is the event package of lamps (RFC 4235): the calls of a user.
func Dialogs(of func(user string) []live.Dialog) Package {
	return Package{Name: "dialog", Type: document.TypeDialogInfo, Look: func(user string) Sight {
		l := &lamp{dialogs: of(user)}
		slices.SortFunc(l.dialogs, brightest)
		l.dialogs = l.dialogs[:min(len(l.dialogs), mostShown)]
		return l
	}}
}

// mostShown bounds the calls of one user in a document: a number that everybody calls has
// hundreds, and a phone one light.
const mostShown = 16

// A lamp is the calls of a user at one moment. A phone with one light shows the first.
type lamp struct{ dialogs []live.Dialog }

func brightest(a, b live.Dialog) int {
	return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Node, b.Node))
}

// Same implements [Sight]. When a state was reached, and which node carries the call, is
// not shown.
func (l *lamp) Same(other Sight) bool {
	o, ok := other.(*lamp)
	return ok && slices.EqualFunc(l.dialogs, o.dialogs, func(a, b live.Dialog) bool {
		return isSame(&a, &b) && a.State == b.State && a.LocalTag == b.LocalTag && a.RemoteTag == b.RemoteTag && a.Private == b.Private && (a.Private || a.Remote == b.Remote)
	})
}

// isSame reports whether two are a user's side of one call.
func isSame(a, b *live.Dialog) bool {
	return a.Call == b.Call && a.Direction == b.Direction && a.Node == b.Node
}

// Document implements [Sight]: all dialogs, and those that are over since before, once.
// That it has all of them is what makes a lost document harmless; that it names the end
// is what some phones wait for to put the light out.
func (l *lamp) Document(entity string, before Sight) []byte {
	dialogs := l.dialogs
	if b, ok := before.(*lamp); ok {
		dialogs = slices.Clip(dialogs)
		for _, x := range b.dialogs {
			if !slices.ContainsFunc(l.dialogs, func(d live.Dialog) bool { return isSame(&d, &x) }) {
				x.State = live.Terminated
				dialogs = append(dialogs, x)
			}
		}
	}
	return document.DialogInfo(entity, 0, true, dialogs)
}

// Availability is the event package of presence (RFC 3856): what is known of a user.
func Availability(of func(user string) live.State) Package {
	return Package{Name: "presence", Type: document.TypePIDF, Look: func(user string) Sight {
		return &availability{state: of(user)}
	}}
}

type availability struct{ state live.State }

// Same implements [Sight]: what makes the same document is the same.
func (a *availability) Same(other Sight) bool {
	o, ok := other.(*availability)
	return ok && (a.state.Version == o.state.Version && len(a.state.Tuples) == len(o.state.Tuples) ||
		bytes.Equal(document.PIDF("", a.state), document.PIDF("", o.state)))
}

// Document implements [Sight].
func (a *availability) Document(entity string, _ Sight) []byte { return document.PIDF(entity, a.state) }

// Messages is the event package of message waiting (RFC 3842): whether there are messages
// in a user's mailbox. Only he may watch.
func Messages(waiting func(user string) bool) Package {
	return Package{Name: "message-summary", Type: document.TypeMessageSummary, Private: true, Look: func(user string) Sight {
		if waiting(user) {
			return yes
		}
		return no
	}}
}

// mailbox is whether messages wait.
type mailbox string

const (
	yes = mailbox("yes")
	no  = mailbox("no")
)

// Same implements [Sight].
func (m mailbox) Same(other Sight) bool { return m == other }

// Document implements [Sight].
func (m mailbox) Document(string, Sight) []byte { return []byte("Messages-Waiting: " + m + "\r\n") }
