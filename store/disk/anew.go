package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"
)

// saveOnly makes r the current revision, and the only one whose content is kept:
// who does not decide does not go back either.
func (c *Config) saveOnly(r revision) error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		if err := saveRevision(tx, r); err != nil {
			return err
		}
		return keepOnly(tx, r.Index)
	})
}

// keepOnly drops the content of all revisions but one, and the headers that are too
// many.
func keepOnly(tx *bbolt.Tx, index uint64) error {
	err := dropFrom(tx.Bucket(bucketConfigs()), func(key []byte, _ int) bool { return number(key) != index })
	if err != nil {
		return err
	}
	return dropFrom(tx.Bucket(bucketRevisions()), func(_ []byte, newer int) bool { return newer >= maxRevisions })
}

// dropFrom deletes what drop says, which is told how many are newer.
func dropFrom(b *bbolt.Bucket, drop func(key []byte, newer int) bool) error {
	var keys [][]byte // a cursor that deletes loses its place
	newer, cursor := 0, b.Cursor()
	for key, _ := cursor.Last(); key != nil; key, _ = cursor.Prev() {
		if drop(key, newer) {
			keys = append(keys, slices.Clone(key))
		}
		newer++
	}
	for _, key := range keys {
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// startAnew is saveOnly in another file, which takes the place of the one there is:
// bbolt leaves what was deleted in pages that it has not used again yet.
func (c *Config) startAnew(r revision) error {
	path := filepath.Join(c.dir, configName)
	unborn := path + ".new"
	if err := os.Remove(unborn); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := openBolt(unborn)
	if err != nil {
		return err
	}
	err = next.Update(func(tx *bbolt.Tx) error { return c.begin(tx, r) })
	if err == nil {
		err = os.Rename(unborn, path)
	}
	if err != nil {
		return errors.Join(err, next.Close())
	}
	err = syncDirectory(c.dir)
	c.file.Lock()
	defer c.file.Unlock()
	old := c.db
	c.db = next
	return errors.Join(err, old.Close())
}

// begin fills an empty file.
func (c *Config) begin(tx *bbolt.Tx, r revision) error {
	if err := prepare(tx); err != nil {
		return err
	}
	if err := c.copyHeaders(tx); err != nil {
		return err
	}
	if err := saveRevision(tx, r); err != nil {
		return err
	}
	return keepOnly(tx, r.Index)
}

func (c *Config) copyHeaders(to *bbolt.Tx) error {
	return c.read(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRevisions()).ForEach(func(key, value []byte) error {
			return to.Bucket(bucketRevisions()).Put(key, value)
		})
	})
}
