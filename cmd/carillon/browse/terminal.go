package browse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What is said to a terminal (ECMA-48, and xterm's second screen).
const (
	enter     = "\x1b[?1049h\x1b[?25l" // the second screen, no cursor
	leave     = "\x1b[?25h\x1b[?1049l"
	home      = "\x1b[H"
	toLineEnd = "\x1b[K"
	toEnd     = "\x1b[J"
	reverse   = "\x1b[7m"
	normal    = "\x1b[m"
)

const (
	refreshEvery = 2 * time.Second
	lookEvery    = 200 * time.Millisecond // at the size of the window, and whether to stop
)

// Run shows b on a terminal until the person has seen enough or ctx ends. The
// terminal is afterwards as it was.
func Run(ctx context.Context, b *Browser, in, out *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("taking the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	if _, err = out.WriteString(enter); err != nil {
		return err
	}
	defer func() { _, _ = out.WriteString(leave) }()
	var asked time.Time
	for ctx.Err() == nil && !b.Over() {
		if time.Since(asked) >= refreshEvery {
			b.Refresh(ctx)
			asked = time.Now()
		}
		if err = paint(b, out); err != nil {
			return err
		}
		keys, err := read(in)
		if err != nil {
			return err
		}
		for _, k := range keys {
			b.Press(ctx, k)
		}
	}
	return nil
}

// paint writes the whole screen, over what was there.
func paint(b *Browser, out *os.File) error {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return fmt.Errorf("asking for the terminal's size: %w", err)
	}
	var screen strings.Builder
	screen.WriteString(home)
	lines := b.Draw(width, height)
	for i, line := range lines {
		if i > 0 {
			screen.WriteString("\r\n")
		}
		if i == 0 || i == len(lines)-1 || strings.HasPrefix(line, mark(true)) {
			line = reverse + line + normal
		}
		screen.WriteString(line + toLineEnd)
	}
	screen.WriteString(toEnd)
	_, err = out.WriteString(screen.String())
	return err
}

// read waits for keys, but not long.
func read(in *os.File) ([]Key, error) {
	poll := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}} //nolint:gosec // a descriptor
	n, err := unix.Poll(poll, int(lookEvery.Milliseconds()))
	if n <= 0 {
		if errors.Is(err, unix.EINTR) {
			err = nil
		}
		return nil, err
	}
	buf := make([]byte, 256)
	k, err := in.Read(buf)
	if err != nil {
		return nil, fmt.Errorf("reading the keyboard: %w", err)
	}
	return KeysOf(string(buf[:k])), nil
}
