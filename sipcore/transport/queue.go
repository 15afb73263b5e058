package transport

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Places in what SO_MEMINFO says (linux/sock_diag.h).
const (
	memReceived = 0
	memDrops    = 8
	memPlaces   = 9
)

// UDPQueue returns how many bytes of memory the datagrams take that wait in the
// kernel to be read, and how many found no room there so far.
func (l *Layer) UDPQueue() (waiting, lost uint64) {
	for _, s := range l.udp {
		info := s.memory()
		waiting += uint64(info[memReceived])
		lost += uint64(info[memDrops])
	}
	return waiting, lost
}

// memory asks the kernel about the socket; all 0 if it cannot tell.
func (s *udpSocket) memory() (info [memPlaces]uint32) {
	size := uint32(unsafe.Sizeof(info))
	_ = s.raw.Control(func(fd uintptr) { // a closed socket has nothing
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // getsockopt(2) takes addresses
	})
	return info
}
