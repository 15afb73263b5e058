package node

import (
	"context"

	"carillon/cluster/quorum"
	"carillon/node/admin"
	"carillon/store"
	"carillon/store/disk"
)

// configuration is how this node reads and changes what the mains agree on. It
// implements [admin.Configuration]; History and At are the disk's.
type configuration struct {
	*disk.Config

	quorum *quorum.Quorum
	events *admin.Events
}

// View returns the configuration in force.
func (c *configuration) View() *store.View { return c.Store().View() }

// Propose returns when the Change is in force here or has been refused.
func (c *configuration) Propose(ctx context.Context, change store.Change) error {
	command, err := store.EncodeChange(change)
	if err != nil {
		return err
	}
	revision, err := c.quorum.Propose(ctx, command)
	if err != nil {
		return err
	}
	who := "somebody"
	if r, ok := change.(store.Replace); ok {
		who = r.By.Who
	}
	c.events.Add("configuration", "revision %d is in force, by %s", revision, who)
	return nil
}
