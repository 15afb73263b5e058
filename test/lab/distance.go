package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A cable joins two interfaces of one network namespace: what comes in at one end
// leaves at the other, as late as the line is long. Frames keep their order, and
// what the kernel has left to do on them (checksums) goes with them.
type cable struct {
	delay time.Duration
	ends  [2]*os.File
	work  sync.WaitGroup
}

// frameRoom is for what the kernel says of a frame, and the largest frame.
const frameRoom = 10 + 64<<10

// layCable is called with the network of the two interfaces.
func layCable(delay time.Duration, interfaces [2]string) (*cable, error) {
	c := &cable{delay: delay}
	for i, name := range interfaces {
		end, err := openFrames(name)
		if err != nil {
			c.remove()
			return nil, fmt.Errorf("laying a cable to %s: %w", name, err)
		}
		c.ends[i] = end
	}
	c.work.Go(func() { c.relay(c.ends[0], c.ends[1]) })
	c.work.Go(func() { c.relay(c.ends[1], c.ends[0]) })
	return c, nil
}

// openFrames opens a socket for all frames that come in at an interface.
func openFrames(name string) (*os.File, error) {
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	at, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	end := os.NewFile(uintptr(fd), name)
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1); err != nil {
			_ = end.Close()
			return nil, err
		}
	}
	if err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: at.Index}); err != nil {
		_ = end.Close()
		return nil, err
	}
	return end, nil
}

type frame struct {
	bytes []byte
	due   time.Time
}

func (c *cable) relay(from, to *os.File) {
	under := make(chan frame, 4096) // more than a line has under way
	c.work.Go(func() {
		for f := range under {
			time.Sleep(time.Until(f.due))
			_, _ = to.Write(f.bytes)
		}
	})
	defer close(under)
	room := make([]byte, frameRoom)
	for {
		n, err := from.Read(room)
		if err != nil {
			return // the cable is removed
		}
		under <- frame{append([]byte(nil), room[:n]...), time.Now().Add(c.delay)}
	}
}

// remove takes the cable away.
func (c *cable) remove() {
	for _, end := range c.ends {
		if end != nil {
			_ = end.Close()
		}
	}
	c.work.Wait()
}
