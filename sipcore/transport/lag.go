package transport

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// siocgstampns asks a socket when the datagram that was read last had come
// (socket(7)). Who asks for the first time has the kernel note it from then on.
const siocgstampns = 0x8907

// Lag returns how long the datagrams that are being read had to wait, and 0
// when none waits. One goroutine calls it, again and again: what waits now and
// did not the last time has not waited for longer than since then.
func (l *Layer) Lag() time.Duration {
	var most time.Duration
	for _, s := range l.udp {
		most = max(most, s.lag(time.Now()))
	}
	return most
}

func (s *udpSocket) lag(now time.Time) time.Duration {
	came, waits := s.oldest()
	if !waits {
		s.caughtUp = now
		return 0
	}
	return max(0, min(now.Sub(came), now.Sub(s.caughtUp)))
}

// oldest returns when the datagram that was read last had come, and whether one
// behind it waits.
func (s *udpSocket) oldest() (came time.Time, waits bool) {
	var stamp unix.Timespec
	var next int
	var failed unix.Errno
	err := s.raw.Control(func(fd uintptr) {
		next, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ)                                              // 0 if it cannot be told
		_, _, failed = unix.Syscall(unix.SYS_IOCTL, fd, siocgstampns, uintptr(unsafe.Pointer(&stamp))) //nolint:gosec // ioctl(2) takes an address
	})
	if err != nil || failed != 0 || next == 0 {
		return time.Time{}, false
	}
	return time.Unix(stamp.Unix()), true
}
