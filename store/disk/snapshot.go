package disk

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"carillon/store"
)

// A snapshot is the whole of config.db: history included, so that a main that
// joins can go back as far as the others.
type snapshot struct {
	_         struct{} `cbor:",toarray"`
	Format    uint64
	Applied   uint64
	Revisions []wireSnapshot // the oldest first, the current one last
}

type wireSnapshot struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Header []byte
	Config []byte
}

// MarshalBinary implements [cluster.Machine].
func (c *Config) MarshalBinary() ([]byte, error) {
	s := snapshot{Format: format}
	var b []byte
	err := c.read(func(tx *bbolt.Tx) error {
		s.Applied = number(tx.Bucket(bucketMeta()).Get(keyApplied()))
		headers := tx.Bucket(bucketRevisions())
		err := tx.Bucket(bucketConfigs()).ForEach(func(key, config []byte) error {
			s.Revisions = append(s.Revisions, wireSnapshot{Index: number(key), Header: headers.Get(key), Config: config})
			return nil
		})
		if err != nil {
			return err
		}
		b, err = cbor.Marshal(s) // here, because bbolt's values end with the transaction
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking a snapshot: %w", err)
	}
	return b, nil
}

// UnmarshalBinary implements [cluster.Machine]. A snapshot that is not newer
// than what is on disk changes nothing: Raft offers its last one at each start.
func (c *Config) UnmarshalBinary(b []byte) error {
	var s snapshot
	if err := cbor.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("reading a snapshot: %w", err)
	}
	if s.Format != format {
		return fmt.Errorf("reading a snapshot: its format is %d and this carillon knows %d", s.Format, format)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Applied <= c.applied {
		return nil
	}
	view, err := s.view()
	if err != nil {
		return fmt.Errorf("reading a snapshot: %w", err)
	}
	if err = c.db.Update(s.save); err != nil {
		return fmt.Errorf("saving a snapshot: %w", err)
	}
	c.applied = s.Applied
	c.store.Publish(view)
	return nil
}

// view returns the current View of s.
func (s snapshot) view() (*store.View, error) {
	if len(s.Revisions) == 0 {
		return store.NewView(store.Config{}), nil
	}
	last := s.Revisions[len(s.Revisions)-1]
	config, err := store.DecodeConfig(last.Config)
	if err != nil {
		return nil, err
	}
	return store.NewView(config).At(last.Index), nil
}

// save makes s the whole content of the file.
func (s snapshot) save(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketRevisions(), bucketConfigs()} {
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
	}
	if err := prepare(tx); err != nil {
		return err
	}
	var last uint64
	for _, r := range s.Revisions {
		if r.Index <= last || r.Index > s.Applied {
			return errors.New("its revisions are out of order")
		}
		last = r.Index
		if err := tx.Bucket(bucketRevisions()).Put(bytesOf(r.Index), r.Header); err != nil {
			return err
		}
		if err := tx.Bucket(bucketConfigs()).Put(bytesOf(r.Index), r.Config); err != nil {
			return err
		}
	}
	return saveApplied(tx, s.Applied)
}
