package disk

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"carillon/store"
)

// A node that is no main does not decide Changes: it is given the View that
// they led to.

// Latest returns the current View with its revision, for Install.
func (c *Config) Latest() (index uint64, b []byte, err error) {
	view := c.store.View()
	w := wireSnapshot{Index: view.Index()}
	err = c.db.View(func(tx *bbolt.Tx) error {
		key := bytesOf(w.Index)
		w.Header, w.Config = tx.Bucket(bucketRevisions()).Get(key), tx.Bucket(bucketConfigs()).Get(key)
		if w.Header == nil || w.Config == nil {
			return fmt.Errorf("revision %d is not on disk", w.Index)
		}
		b, err = cbor.Marshal(w) // here, because bbolt's values end with the transaction
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return w.Index, b, nil
}

// Bare returns what a witness needs of the current View, for Install: which nodes
// there are, where, and who is turned away.
func (c *Config) Bare() (index uint64, b []byte, err error) {
	view := c.store.View()
	w := wireSnapshot{Index: view.Index()}
	if w.Config, err = store.EncodeConfig(view.Bare()); err == nil {
		w.Header, err = encodeRevision(store.Revision{Index: w.Index})
	}
	if err == nil {
		b, err = cbor.Marshal(w)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("writing what a witness needs: %w", err)
	}
	return w.Index, b, nil
}

// Install saves what another node's Latest returned and publishes it. What is
// not newer than the current View changes nothing.
func (c *Config) Install(b []byte) error {
	var w wireSnapshot
	if err := cbor.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("installing a configuration: %w", err)
	}
	header, err := decodeRevision(bytesOf(w.Index), w.Header)
	if err != nil {
		return fmt.Errorf("installing a configuration: %w", err)
	}
	config, err := store.DecodeConfig(w.Config)
	if err != nil {
		return fmt.Errorf("installing a configuration: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.Index <= c.applied {
		return nil
	}
	if c.broken != nil {
		return c.broken
	}
	r := revision{Revision: header, config: w.Config}
	if err = c.db.Update(func(tx *bbolt.Tx) error { return saveRevision(tx, r) }); err != nil {
		return c.breakLocked(err)
	}
	c.applied = w.Index
	c.store.Publish(store.NewView(config).At(w.Index))
	return nil
}
