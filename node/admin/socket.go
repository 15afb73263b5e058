package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// SocketName is the name of the node's socket in its data directory.
const SocketName = "api.sock"

// longestPath is what sockaddr_un holds with its final zero byte.
const longestPath = 107

// listen opens the socket in dir, with mode 0600 from its first moment. A
// socket that an earlier process left is replaced: who calls listen owns dir.
func listen(ctx context.Context, dir string) (net.Listener, error) {
	path, closeDir, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer closeDir()
	if err = os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	config := net.ListenConfig{Control: makePrivate}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // path may be gone by then: see socketPath
	return l, nil
}

// makePrivate sets the mode that bind will give the socket's file (Linux takes
// it from the descriptor), so that there is no moment in which others may connect.
func makePrivate(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(err, failed)
}

// dial connects to the node that runs in dir.
func dial(ctx context.Context, dir string) (net.Conn, error) {
	path, closeDir, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer closeDir()
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

// socketPath returns a name of dir's socket that is short enough for the kernel.
// It is valid until done is called.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, SocketName)
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	d, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0) //nolint:gosec // the data directory
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), SocketName), func() { _ = d.Close() }, nil
}
