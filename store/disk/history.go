package disk

import (
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"carillon/store"
)

const (
	maxRevisions = 100
	maxHistory   = 32 << 20 // bytes of configurations, the current one not counted
)

// A revision is a store.Revision with what one needs to go back to it.
type revision struct {
	store.Revision
	config []byte
}

// wireRevision is what the bucket of revisions holds.
type wireRevision struct {
	_       struct{} `cbor:",toarray"`
	At      int64    // Unix milliseconds; 0 is unknown
	Who     string
	Summary []string
}

// History returns the revisions that are kept, the oldest first.
func (c *Config) History() ([]store.Revision, error) {
	var all []store.Revision
	err := c.read(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRevisions()).ForEach(func(key, value []byte) error {
			r, err := decodeRevision(key, value)
			all = append(all, r)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	return all, nil
}

// At returns the View of a revision that is kept, or a [store.Error].
func (c *Config) At(index uint64) (*store.View, error) {
	var view *store.View
	err := c.read(func(tx *bbolt.Tx) error {
		value := tx.Bucket(bucketConfigs()).Get(bytesOf(index))
		if value == nil {
			return &store.Error{
				Kind: store.NotFound, Field: "revision",
				Message: fmt.Sprintf("there is no revision %d in the history", index),
			}
		}
		config, err := store.DecodeConfig(value)
		if err != nil {
			return err
		}
		view = store.NewView(config).At(index)
		return nil
	})
	return view, err
}

// saveRevision makes r the current one.
func saveRevision(tx *bbolt.Tx, r revision) error {
	header, err := encodeRevision(r.Revision)
	if err != nil {
		return err
	}
	key := bytesOf(r.Index)
	if err = tx.Bucket(bucketRevisions()).Put(key, header); err != nil {
		return err
	}
	if err = tx.Bucket(bucketConfigs()).Put(key, r.config); err != nil {
		return err
	}
	if err = saveApplied(tx, r.Index); err != nil {
		return err
	}
	return forgetOldest(tx)
}

// forgetOldest bounds the history by number and by size.
func forgetOldest(tx *bbolt.Tx) error {
	var drop [][]byte
	count, size := 0, 0
	cursor := tx.Bucket(bucketConfigs()).Cursor()
	for key, value := cursor.Last(); key != nil; key, value = cursor.Prev() {
		count++
		if count > 1 {
			size += len(value)
		}
		if count > maxRevisions || size > maxHistory {
			drop = append(drop, slices.Clone(key))
		}
	}
	for _, key := range drop {
		if err := tx.Bucket(bucketConfigs()).Delete(key); err != nil {
			return err
		}
		if err := tx.Bucket(bucketRevisions()).Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func encodeRevision(r store.Revision) ([]byte, error) {
	w := wireRevision{Who: r.Who, Summary: r.Summary}
	if !r.At.IsZero() {
		w.At = r.At.UnixMilli()
	}
	return cbor.Marshal(w)
}

func decodeRevision(key, value []byte) (store.Revision, error) {
	var w wireRevision
	if err := cbor.Unmarshal(value, &w); err != nil {
		return store.Revision{}, err
	}
	r := store.Revision{Index: number(key), Who: w.Who, Summary: w.Summary}
	if w.At != 0 {
		r.At = time.UnixMilli(w.At).UTC()
	}
	return r, nil
}
