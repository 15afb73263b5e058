package quorum

import (
	"encoding/binary"
	"fmt"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// A logStore is Raft's log and its few other facts in one bbolt file. It
// implements [raft.LogStore] and [raft.StableStore]; what a writing method has
// returned from is fsynced.
type logStore struct{ db *bbolt.DB }

// The buckets: log entries by index, and facts by name.
func bucketLog() []byte   { return []byte("log") }
func bucketFacts() []byte { return []byte("facts") }

// keyTerm is the name by which Raft itself asks for the term.
func keyTerm() []byte { return []byte("CurrentTerm") }

// prepare makes the buckets of a new file, and reads all of an old one, so that
// damage is found now.
func (s *logStore) prepare(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucketIfNotExists(bucketFacts()); err != nil {
		return err
	}
	b, err := tx.CreateBucketIfNotExists(bucketLog())
	if err != nil {
		return err
	}
	return b.ForEach(func(key, value []byte) error {
		var l raft.Log
		if err := decodeEntry(key, value, &l); err != nil {
			return fmt.Errorf("%w (%w)", errDamaged, err)
		}
		return nil
	})
}

// Close closes the file.
func (s *logStore) Close() error { return s.db.Close() }

// found writes the first entry and its term, both or none.
func (s *logStore) found(first *raft.Log) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(bucketFacts()).Put(keyTerm(), bytesOf(first.Term)); err != nil {
			return err
		}
		return tx.Bucket(bucketLog()).Put(bytesOf(first.Index), encodeEntry(first))
	})
}

// The facts of ours, beside Raft's.
func keyEpoch() []byte    { return []byte("epoch") }
func keyTakeOver() []byte { return []byte("take-over") } // begun: the epoch and the command
func keyStepBack() []byte { return []byte("step-back") } // begun: the epoch

// epoch returns the epoch of the log; the first is not written down.
func (s *logStore) epoch() (Epoch, error) {
	b, err := s.Get(keyEpoch())
	if err != nil || len(b) == 0 {
		return Epoch{}, err
	}
	e, _, err := decodeEpoch(b)
	return e, err
}

// begin drops all there is and begins an epoch with an empty log, both or none.
func (s *logStore) begin(e Epoch, term uint64) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLog(), bucketFacts()} {
			if err := tx.DeleteBucket(name); err != nil {
				return err
			}
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		facts := tx.Bucket(bucketFacts())
		if err := facts.Put(keyEpoch(), e.encode()); err != nil || term == 0 {
			return err
		}
		return facts.Put(keyTerm(), bytesOf(term))
	})
}

// entries returns the commands behind index, in their order.
func (s *logStore) entries(index uint64) (all []Entry, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(bucketLog()).Cursor()
		for key, value := cursor.Seek(bytesOf(index + 1)); key != nil; key, value = cursor.Next() {
			var l raft.Log
			if unread := decodeEntry(key, value, &l); unread != nil {
				return unread
			}
			if l.Type == raft.LogCommand {
				all = append(all, Entry{Index: l.Index, Command: l.Data})
			}
		}
		return nil
	})
	return all, err
}

// FirstIndex implements [raft.LogStore]: 0 is an empty log.
func (s *logStore) FirstIndex() (uint64, error) { return s.edge((*bbolt.Cursor).First) }

// LastIndex implements [raft.LogStore]: 0 is an empty log.
func (s *logStore) LastIndex() (uint64, error) { return s.edge((*bbolt.Cursor).Last) }

func (s *logStore) edge(move func(*bbolt.Cursor) (key, value []byte)) (index uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if key, _ := move(tx.Bucket(bucketLog()).Cursor()); key != nil {
			index = binary.BigEndian.Uint64(key)
		}
		return nil
	})
	return index, err
}

// GetLog implements [raft.LogStore].
func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		key := bytesOf(index)
		value := tx.Bucket(bucketLog()).Get(key)
		if value == nil {
			return raft.ErrLogNotFound
		}
		return decodeEntry(key, value, l)
	})
}

// StoreLog implements [raft.LogStore].
func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements [raft.LogStore].
func (s *logStore) StoreLogs(all []*raft.Log) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLog())
		b.FillPercent = 1 // indexes only grow
		for _, l := range all {
			if err := b.Put(bytesOf(l.Index), encodeEntry(l)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteRange implements [raft.LogStore]; both ends are included.
func (s *logStore) DeleteRange(first, last uint64) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLog())
		var keys [][]byte
		cursor := b.Cursor()
		for key, _ := cursor.Seek(bytesOf(first)); key != nil && binary.BigEndian.Uint64(key) <= last; key, _ = cursor.Next() {
			keys = append(keys, append([]byte(nil), key...))
		}
		for _, key := range keys { // behind the cursor's back, a deletion would confuse it
			if err := b.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Set implements [raft.StableStore].
func (s *logStore) Set(key, value []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketFacts()).Put(key, value) })
}

// Get implements [raft.StableStore]: what is not there is empty.
func (s *logStore) Get(key []byte) (value []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		value = append([]byte{}, tx.Bucket(bucketFacts()).Get(key)...)
		return nil
	})
	return value, err
}

// SetUint64 implements [raft.StableStore].
func (s *logStore) SetUint64(key []byte, n uint64) error { return s.Set(key, bytesOf(n)) }

// GetUint64 implements [raft.StableStore]: what is not there is 0.
func (s *logStore) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil || len(value) == 0 {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%q in %s is not a number", key, logName)
	}
	return binary.BigEndian.Uint64(value), nil
}

func bytesOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
