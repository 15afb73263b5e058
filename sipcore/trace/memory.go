package trace

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// outside returns so much memory that the garbage collector does not know of:
// it lets the heap grow to a multiple of what lives there, and would count all
// of a ring. It is taken at once, so that a node's memory does not grow with the
// first calls, and given back when nobody has r any more.
func outside(r *Ring, size int) []byte {
	if size <= 0 {
		return nil
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		return make([]byte, size)
	}
	runtime.AddCleanup(r, func(m []byte) { _ = unix.Munmap(m) }, memory)
	return memory
}
