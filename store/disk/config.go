package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"

	"go.etcd.io/bbolt"

	"carillon/store"
)

const configName = "config.db"

// Config keeps the configuration of a node on disk and publishes it. It
// implements [cluster.Machine]: what Apply has returned from is fsynced.
type Config struct {
	dir   string
	store *store.Store

	file sync.RWMutex // held for reading by who reads db without mu, and to write db
	db   *bbolt.DB

	mu      sync.Mutex // one Apply at a time
	applied uint64     // the last index that Apply has seen, refusals included
	broken  error      // why nothing more can be saved
}

// OpenConfig opens config.db in dir, or creates it. A new one has an empty View
// of index 0.
func OpenConfig(dir string) (*Config, error) {
	c := &Config{dir: dir}
	path := filepath.Join(dir, configName)
	db, err := open(path, c.load)
	switch {
	case errors.Is(err, ErrInUse):
		return nil, fmt.Errorf("opening %s: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("opening the configuration: %w: put %s back from a backup, "+
			"or move it away if raft.db beside it is whole, because it is then made again from that", err, path)
	}
	c.db = db
	return c, nil
}

// Close closes the file. What was applied is on disk already.
func (c *Config) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = errors.New("the configuration is closed")
	c.file.Lock()
	defer c.file.Unlock()
	if err := c.db.Close(); err != nil {
		return fmt.Errorf("closing the configuration: %w", err)
	}
	return nil
}

// read reads the file; several at once may.
func (c *Config) read(f func(*bbolt.Tx) error) error {
	c.file.RLock()
	defer c.file.RUnlock()
	return c.db.View(f)
}

// Store returns the Store on which every View is published once it is on disk.
func (c *Config) Store() *store.Store { return c.store }

// Applied returns the last index that needs no second Apply.
func (c *Config) Applied() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied
}

// Apply implements [cluster.Machine]. A refusal is a [store.Error] or
// [store.Errors] and changes nothing; any other error means that this node
// cannot follow, and lasts until it is restarted.
func (c *Config) Apply(index uint64, command []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if index <= c.applied {
		return nil
	}
	if c.broken != nil {
		return c.broken
	}
	change, err := store.DecodeChange(command)
	if err != nil {
		return c.refuseLocked(index, err)
	}
	old := c.store.View()
	next, err := store.Decide(change, old)
	if err != nil {
		return c.refuseLocked(index, err)
	}
	next = next.At(index)
	r := revision{Revision: store.NewRevision(change, old, next)}
	if r.config, err = store.EncodeConfig(next.Config()); err == nil {
		err = c.db.Update(func(tx *bbolt.Tx) error { return saveRevision(tx, r) })
	}
	if err != nil {
		return c.breakLocked(err)
	}
	c.applied = index
	c.store.Publish(next)
	return nil
}

// refuseLocked remembers that index needs no second Apply, so that a later
// version of this program cannot decide it differently.
func (c *Config) refuseLocked(index uint64, why error) error {
	err := c.db.Update(func(tx *bbolt.Tx) error { return saveApplied(tx, index) })
	if err != nil {
		return c.breakLocked(err)
	}
	c.applied = index
	return why
}

// breakLocked stops all further saving: a Change that could not be saved must
// not be followed by one that can.
func (c *Config) breakLocked(err error) error {
	c.broken = fmt.Errorf("saving the configuration: %w: "+
		"no change is possible until that is mended and the node is restarted", err)
	return c.broken
}

// load reads the last View and makes the buckets of a new file.
func (c *Config) load(db *bbolt.DB) error {
	view := store.NewView(store.Config{})
	err := db.Update(func(tx *bbolt.Tx) error {
		if err := prepare(tx); err != nil {
			return err
		}
		c.applied = number(tx.Bucket(bucketMeta()).Get(keyApplied()))
		key, value := tx.Bucket(bucketConfigs()).Cursor().Last()
		if key == nil {
			return nil
		}
		config, err := store.DecodeConfig(value)
		if err != nil {
			return err
		}
		view = store.NewView(config).At(number(key))
		readThrough(tx)
		return nil
	})
	if err != nil {
		return err
	}
	c.applied = max(c.applied, view.Index())
	c.store = store.New(view)
	return nil
}

// The buckets of config.db: meta (format, applied), revisions and configs, both
// by index. A revision without its config cannot be gone back to.
func bucketMeta() []byte      { return []byte("meta") }
func bucketRevisions() []byte { return []byte("revisions") }
func bucketConfigs() []byte   { return []byte("configs") }
func keyFormat() []byte       { return []byte("format") }
func keyApplied() []byte      { return []byte("applied") }

// format is the layout of config.db. A file with a later one is left alone.
const format = 1

func prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta(), bucketRevisions(), bucketConfigs()} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta())
	switch have := meta.Get(keyFormat()); {
	case have == nil:
		return meta.Put(keyFormat(), bytesOf(format))
	case number(have) != format:
		return fmt.Errorf("its format is %d and this carillon knows %d: use a newer one", number(have), format)
	default:
		return nil
	}
}

// readThrough touches every page, so that a file that was cut short is found
// out now and not when somebody asks for its history.
func readThrough(tx *bbolt.Tx) {
	sum := uint32(0)
	for _, name := range [][]byte{bucketRevisions(), bucketConfigs()} {
		_ = tx.Bucket(name).ForEach(func(key, value []byte) error {
			sum = crc32.Update(crc32.Update(sum, crc32.IEEETable, key), crc32.IEEETable, value)
			return nil
		})
	}
}

func saveApplied(tx *bbolt.Tx, index uint64) error {
	return tx.Bucket(bucketMeta()).Put(keyApplied(), bytesOf(index))
}

// bytesOf and number write numbers so that they sort.
func bytesOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
