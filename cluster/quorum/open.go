package quorum

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	logName       = "raft.db"
	snapshotsName = "snapshots" // Raft's word for the directory
	lockTimeout   = time.Second
)

var (
	errDamaged = errors.New("the file is damaged: put it back from a backup; a node that is alone may also " +
		"move it away, with the directory snapshots, and go on with its configuration on disk")
	errInUse = errors.New("another carillon uses this directory")
	errEntry = errors.New("a log entry cannot be read")
)

// openLog opens the file at path, or creates it.
func openLog(path string) (s *logStore, err error) {
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
			s, err = nil, fmt.Errorf("%w (%v)", errDamaged, p)
			_ = file.Close() // gives back the lock that bbolt took
		}
	}()
	db, err := bbolt.Open(path, 0o600, o)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, errInUse
	case errors.As(err, new(syscall.Errno)): // no permission, no space
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (%w)", errDamaged, err)
	}
	s = &logStore{db}
	if err = db.Update(s.prepare); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
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
	db, err := bbolt.Open(unborn, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if err != nil {
		return err
	}
	if err = errors.Join(db.Sync(), db.Close()); err != nil {
		return err
	}
	if err = os.Rename(unborn, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir has what was named and removed in a directory on disk.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the path is the node's own
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
