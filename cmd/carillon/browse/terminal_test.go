package browse

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty returns the two ends of a terminal of 80 by 24.
func pty(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	if err = unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return person, program
}

// sees reads what is written to a terminal until it has a text.
func sees(t *testing.T, person *os.File, text string) {
	t.Helper()
	var seen strings.Builder
	buf := make([]byte, 4096)
	poll := []unix.PollFd{{Fd: int32(person.Fd()), Events: unix.POLLIN}}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if n, _ := unix.Poll(poll, 100); n <= 0 {
			continue
		}
		n, err := person.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if seen.Write(buf[:n]); strings.Contains(seen.String(), text) {
			return
		}
	}
	t.Fatalf("%q was not seen, but %q", text, seen.String())
}

// A person looks at a call and leaves; the terminal is as it was.
func TestRunOnATerminal(t *testing.T) {
	person, program := pty(t)
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), New(&house{}, time.UTC), program, program) }()
	for _, step := range []struct{ sees, press string }{
		{"Calls and registrations: 3", "\x1b[A"},
		{reverse + "> 2    10:15:10", "\r"},
		{"call-1: 4 messages", "\r"},
		{"INVITE of call-1", "\x1b"},
		{"call-1: 4 messages", "q"},
		{"Calls and registrations: 3", "q"},
		{leave, ""},
	} {
		sees(t, person, step.sees)
		if _, err = person.WriteString(step.press); err != nil {
			t.Fatal(err)
		}
	}
	if err = <-done; err != nil {
		t.Error(err)
	}
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal: got %+v, want %+v (%v)", after, before, err)
	}
}

// Told to stop, it leaves the terminal too.
func TestRunEndsWithItsContext(t *testing.T) {
	person, program := pty(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, New(&house{}, time.UTC), program, program) }()
	sees(t, person, "Calls and registrations")
	stop()
	sees(t, person, leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
