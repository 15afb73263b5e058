// Package disk keeps what must survive a restart, in bbolt files of the node's
// data directory: config.db holds the last View with its history and is the
// [cluster.Machine] of the configuration; bindings.db holds the registrations
// of this node. What they mean belongs to packages store and store/live; the
// log of Changes not yet applied is cluster/quorum's.
//
// bbolt writes a page where none was and then one of two meta pages, so that a
// kill at any moment leaves the file as it was before or after a transaction.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// lockTimeout is how long a file may be held by a process that is just ending.
const lockTimeout = time.Second

// ErrInUse says that another process has the directory.
var ErrInUse = errors.New("another carillon uses this directory")

// open opens or creates the file at path and has load read what it needs. A
// damaged file is an error, never a panic: bbolt checks its meta pages only,
// and what it then believes may point anywhere.
func open(path string, load func(*bbolt.DB) error) (db *bbolt.DB, err error) {
	var file *os.File
	o := &bbolt.Options{
		// The list of free pages is kept in the file: bbolt would otherwise find it
		// in a goroutine of its own, whose faults nobody could catch.
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, openErr := os.OpenFile(name, flag, mode) //nolint:gosec // the path is the node's own
			file = f
			return f, openErr
		},
	}
	if err = create(path); err != nil {
		return nil, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file cut short faults when it is read
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("the file is damaged: %v", p)
			_ = file.Close() // gives back the lock that bbolt took
		}
	}()
	db, err = bbolt.Open(path, 0o600, o)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	if err = load(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// create makes a file at path that has its first pages, unless there is one. It
// appears whole or not at all, and its name is on disk when create returns.
func create(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unborn := path + ".new"
	if err := os.Remove(unborn); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(unborn)
	if err != nil {
		return err
	}
	if err = errors.Join(db.Sync(), db.Close()); err != nil {
		return err
	}
	if err = os.Rename(unborn, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory puts the names of a directory's files on disk.
func syncDirectory(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the node's own
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// openBolt makes a file at path that nobody else knows yet.
func openBolt(path string) (*bbolt.DB, error) {
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
}
