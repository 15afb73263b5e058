package disk

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"carillon/store"
)

// A node that is no main does not decide Changes: it is given the View that
// they led to, or as much of it as its role and its site may have.

// Shared returns the current View and, for Install, what every LifeGUARD may have of
// it. What View.Secrets returns for its site may follow.
func (c *Config) Shared() (*store.View, []byte, error) { return c.shared(c.store.View()) }

// SharedAt is Shared of a revision that is kept.
func (c *Config) SharedAt(index uint64) (*store.View, []byte, error) {
	view, err := c.At(index)
	if err != nil {
		return nil, nil, err
	}
	return c.shared(view)
}

func (c *Config) shared(view *store.View) (*store.View, []byte, error) {
	var header []byte
	err := c.read(func(tx *bbolt.Tx) error {
		header = append(header, tx.Bucket(bucketRevisions()).Get(bytesOf(view.Index()))...)
		return nil
	})
	if err == nil && header == nil {
		err = fmt.Errorf("revision %d is not on disk", view.Index())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	b, err := encodePicture(view.Index(), header, view.Scope(""))
	return view, b, err
}

// Bare returns the current View and, for Install, what a witness needs of it: which
// nodes there are, where, and who is turned away.
func (c *Config) Bare() (*store.View, []byte, error) { return bare(c.store.View()) }

// BareAt is Bare of a revision that is kept.
func (c *Config) BareAt(index uint64) (*store.View, []byte, error) {
	view, err := c.At(index)
	if err != nil {
		return nil, nil, err
	}
	return bare(view)
}

func bare(view *store.View) (*store.View, []byte, error) {
	header, err := encodeRevision(store.Revision{Index: view.Index()})
	if err != nil {
		return nil, nil, fmt.Errorf("writing what a witness needs: %w", err)
	}
	b, err := encodePicture(view.Index(), header, view.Bare())
	return view, b, err
}

func encodePicture(index uint64, header []byte, config store.Config) ([]byte, error) {
	w := wireSnapshot{Index: index, Header: header}
	var err error
	if w.Config, err = store.EncodeConfig(config); err != nil {
		return nil, err
	}
	b, err := cbor.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return b, nil
}

// Install saves what another node's Shared or Bare returned, with the secrets that
// follow it, and publishes it. What is not newer than the current View changes
// nothing. What was saved before does not stay on disk: with what it had more than
// the new one, anybody who carries the disk away could say that he is somebody.
func (c *Config) Install(b []byte) error {
	r, view, err := decodePicture(b)
	if err != nil {
		return fmt.Errorf("installing a configuration: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Index <= c.applied {
		return nil
	}
	return c.installLocked(r, view)
}

func decodePicture(b []byte) (r revision, view *store.View, err error) {
	var w wireSnapshot
	secrets, err := cbor.UnmarshalFirst(b, &w)
	if err != nil {
		return r, nil, err
	}
	if r.Revision, err = decodeRevision(bytesOf(w.Index), w.Header); err != nil {
		return r, nil, err
	}
	config, err := store.DecodeConfig(w.Config)
	if err == nil {
		config, err = config.WithSecrets(secrets)
	}
	if err == nil {
		r.config, err = store.EncodeConfig(config)
	}
	return r, store.NewView(config).At(w.Index), err
}

func (c *Config) installLocked(r revision, view *store.View) error {
	if c.broken != nil {
		return c.broken
	}
	save := c.saveOnly
	if c.store.View().HoldsMore(view) {
		save = c.startAnew
	}
	if err := save(r); err != nil {
		return c.breakLocked(err)
	}
	c.applied = r.Index
	c.store.Publish(view)
	return nil
}

// Narrow forgets what a node may not have that stands at a site, and that an earlier
// version, or a site where it stood before, has left.
func (c *Config) Narrow(site string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.store.View()
	view := store.NewView(now.Scope(site)).At(now.Index())
	if !now.HoldsMore(view) {
		return nil
	}
	r := revision{Revision: store.Revision{Index: now.Index()}}
	err := c.read(func(tx *bbolt.Tx) (err error) {
		key := bytesOf(now.Index())
		r.Revision, err = decodeRevision(key, tx.Bucket(bucketRevisions()).Get(key))
		return err
	})
	if err == nil {
		r.config, err = store.EncodeConfig(view.Config())
	}
	if err != nil {
		return fmt.Errorf("narrowing the configuration: %w", err)
	}
	return c.installLocked(r, view)
}
