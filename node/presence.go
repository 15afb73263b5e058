package node

import (
	"time"

	"carillon/cluster"
	"carillon/cluster/session"
	"carillon/store"
	"carillon/store/live"
)

// published is the channel in which nodes tell each other what phones publish of their
// users. What follows from registrations and calls each makes of those itself.
const published = "pres"

// presence keeps the table of presence: who tells it, whom it tells, and by which rules
// it merges.
func (n *Node) presence(sessions *session.Sessions) *live.Presences {
	table := live.NewPresences(n.identity.Name, &lateNamespace{open: func() cluster.Namespace { return sessions.Namespace(published) }})
	table.From(live.OfBindings(n.bindings))
	n.bindings.Watch(table.Touch)
	table.From(live.OfDialogs(n.dialogs))
	stopDialogs := n.dialogs.Watch(table.Touch)
	rules := func(v *store.View) {
		if err := table.Configure(live.SettingsOf(v.Presence()), time.Now()); err != nil {
			n.log.Error("the rules of presence make no sense", "error", err) // they were checked before they were saved
		}
	}
	stop := n.config.Store().Watch(rules)
	rules(n.config.View())
	n.onClose("the rules of presence", func() error { stop(); stopDialogs(); return nil })
	return table
}
