package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const lockName = "lock"

// A directory is the data of one node, held by one process at a time. The
// kernel gives it back when the process dies, however it dies.
type directory struct {
	path string
	lock *os.File

	identity sync.Mutex // held while node.json is changed
}

// openDirectory creates path if need be and takes it. A directory that other
// things live in is refused: a node owns all of its own.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	name := filepath.Join(path, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator says where the data is
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by %s: one directory is one node; "+
				"start another node with a --data of its own", path, holder(f))
		}
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	d := &directory{path: path, lock: f}
	if err = d.sign(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// refuseForeign keeps a node from settling among files that are not a node's.
func refuseForeign(path string) error {
	if _, err := os.Stat(filepath.Join(path, identityName)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case lockName, identityName + temporary, "lost+found":
		default:
			return fmt.Errorf("%s is not empty (it holds %s) and has no node in it (no %s): "+
				"give an empty directory with --data", path, e.Name(), identityName)
		}
	}
	return nil
}

// sign writes this process's number into the lock, for whoever finds it taken.
func (d *directory) sign() error {
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	_, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that signed the lock f.
func holder(f io.ReaderAt) string {
	text := make([]byte, 20)
	n, _ := f.ReadAt(text, 0)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return "process " + pid
	}
	return "another process"
}

// removeDatabases empties the directory of what a founding that was not
// finished has left.
func (d *directory) removeDatabases() error {
	left, err := filepath.Glob(filepath.Join(d.path, "*.db"))
	if err != nil {
		return err
	}
	for _, name := range append(left, filepath.Join(d.path, "snapshots")) {
		if err = os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the directory back. The lock's file stays: removing it would let
// two processes hold two files of the same name.
func (d *directory) Close() error { return d.lock.Close() }

// temporary is how the name of a file ends while it is written.
const temporary = ".new"

// writeFile replaces the file called name: after a crash at any moment it holds
// either the old content or the new one.
func (d *directory) writeFile(name string, content []byte) error {
	path := filepath.Join(d.path, name)
	if err := writeSynced(path+temporary, content); err != nil {
		return err
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return err
	}
	return syncDirectory(d.path)
}

// readFile returns the content of the file called name.
func (d *directory) readFile(name string) ([]byte, error) { return fs.ReadFile(os.DirFS(d.path), name) }

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // inside the data directory
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDirectory makes a rename in the directory last.
func syncDirectory(path string) error {
	f, err := os.Open(path) //nolint:gosec // the data directory
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
