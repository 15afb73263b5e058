package transport

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls that every message takes. None of them waits, since the
// descriptors are non-blocking, so that the Go scheduler need not hear of them.
// It hears of [unix.Read] and its like, and after each pause wakes its watcher
// to see whether they last: that costs more than they do (DESIGN.md has figures).

// readNow is read(2): EAGAIN when there is nothing yet, 0 at the end.
func readNow(fd int, room []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ,
			uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(room))), uintptr(len(room))) //nolint:gosec // read(2) takes an address
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// writeNow is write(2): EAGAIN when the kernel takes nothing.
func writeNow(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE,
			uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) //nolint:gosec // write(2) takes an address
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// sendNow is sendmsg(2): EAGAIN when the socket is full.
func sendNow(fd int, m *unix.Msghdr) error {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG,
			uintptr(fd), uintptr(unsafe.Pointer(m)), unix.MSG_DONTWAIT) //nolint:gosec // sendmsg(2) takes an address
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// receiveNow is recvmmsg(2): EAGAIN when there is no datagram, and fewer than
// there are heads when there is no more.
func receiveNow(fd int, heads []manyHead) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG,
			uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(heads))), uintptr(len(heads)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // recvmmsg(2) takes an address
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// manyHead is the kernel's struct mmsghdr.
type manyHead struct {
	unix.Msghdr

	n uint32 // bytes of this datagram
}
