package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// LeasesName is the file of leases in a data directory.
const LeasesName = "leases.db"

// Leases keeps what DHCP has given out: what Write returned without an error for is
// on disk. Keys and values are the caller's.
type Leases struct{ db *bbolt.DB }

// OpenLeases opens leases.db in dir, or creates it. A file that cannot be read is
// set aside: the node then asks the others what they know before it gives out
// anything.
func OpenLeases(dir string, logger *slog.Logger) (*Leases, error) {
	path := filepath.Join(dir, LeasesName)
	load := func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(LeasesName))
			if err != nil {
				return err
			}
			return b.ForEach(func(_, _ []byte) error { return nil }) // what is damaged shows here
		})
	}
	db, err := open(path, load)
	if err != nil && !errors.Is(err, ErrInUse) && isThere(path) {
		aside := path + ".damaged"
		logger.Error("leases cannot be read: set aside, other nodes will be asked", "error", err, "kept_as", aside)
		if err = os.Rename(path, aside); err == nil {
			db, err = open(path, load)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &Leases{db}, nil
}

// Each calls f with every record.
func (l *Leases) Each(f func(key, value string)) error {
	return l.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(LeasesName)).ForEach(func(k, v []byte) error {
			f(string(k), string(v))
			return nil
		})
	})
}

// Write writes all records or none. One without a value is removed.
func (l *Leases) Write(all map[string][]byte) error {
	err := l.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(LeasesName))
		for key, value := range all {
			var err error
			if value == nil {
				err = b.Delete([]byte(key))
			} else {
				err = b.Put([]byte(key), value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing leases: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Leases) Close() error {
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("closing leases: %w", err)
	}
	return nil
}
