package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A secure is the TLS of one connection. Its two ends are not what crypto/tls
// is used to: what it wants to read is not there yet rather than awaited, so that
// a quiet flow holds no buffer, and what it writes goes to the outbox, so that
// nobody waits.
type secure struct {
	tls   *tls.Conn
	wire  *wire
	timed bool // the reader's clock runs for a record
}

// newSecure puts TLS on a connection by means of make, [tls.Server] or
// [tls.Client]. Until flows is called the handshake waits as usual.
func newSecure(nc net.Conn, most int, put func(net.Conn) *tls.Conn) *secure {
	w := &wire{Conn: nc, most: most}
	return &secure{tls: put(w), wire: w}
}

// flows ends the time of the handshake.
func (s *secure) flows(out *outbox) {
	s.wire.out, s.wire.most, s.wire.unread = out, mostUnread, 0
}

// pull reads from the descriptor like read(2): EAGAIN is nothing yet, and 0 is
// the end. It must be called by the reader only.
func (s *secure) pull(fd int, room []byte) (int, error) {
	s.wire.fd = fd
	n, err := s.tls.Read(room)
	switch {
	case n > 0:
		s.wire.unread = 0
		return n, nil // an error comes again
	case isNotYet(err):
		return 0, unix.EAGAIN
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	}
	return 0, err //nolint:wrapcheck // it is the reason of the flow's end
}

// push sends b without waiting.
func (s *secure) push(b []byte) error {
	if s.wire.out.ended.Load() {
		return ErrClosed
	}
	if _, err := s.tls.Write(b); err != nil && !errors.Is(err, ErrFull) && s.wire.out.ended.Load() {
		return ErrClosed
	} else if err != nil {
		return err //nolint:wrapcheck // it is the outbox's
	}
	return nil
}

// farewell tells the peer that nothing more comes, so that it can tell an end
// from a cut.
func (s *secure) farewell() { _ = s.tls.CloseWrite() } // who does not hear it loses nothing

// half reports whether a record has begun and not ended.
func (s *secure) half() bool { return s.wire.record.half() }

// kept is what the peer has made TLS hold beyond the usual: its buffers grow to
// the longest record and stay.
func (s *secure) kept() int {
	const usual = 4 << 10
	return max(0, s.wire.grown-usual)
}

const (
	// mostUnread is how many bytes may come without any that the flow can read:
	// a part of a record of 16 kB, and what one read then brings of others, for
	// which crypto/tls has 40 kB at most.
	mostUnread = 64 << 10
	// mostShaking bounds a client's part of a handshake, with a key for quantum
	// computers and no certificate; a server's has certificates.
	mostShaking       = 16 << 10
	mostServerShaking = 64 << 10
)

var errUnreadable = errors.New("too many bytes that say nothing")

// notYet is a [net.Error] that says that there is nothing to read yet; after one
// that is temporary crypto/tls can be asked again.
type notYet struct{}

func (notYet) Error() string   { return "nothing to read yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

func isNotYet(err error) bool {
	_, ok := errors.AsType[notYet](err)
	return ok
}

// A wire is the TCP connection under a secure.
type wire struct {
	net.Conn
	out *outbox // nil during the handshake, which waits
	fd  int     // to read from while pull runs

	most   int // of unread
	unread int // bytes since the last that the flow could read
	grown  int // about what crypto/tls has room for
	record tlsRecord
}

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.read(p)
	w.unread += n
	w.grown = max(w.grown, cap(p)+w.unread)
	w.record.pass(p[:n])
	if w.unread > w.most {
		return n, errUnreadable
	}
	return n, err
}

func (w *wire) read(p []byte) (int, error) {
	if w.out == nil {
		return w.Conn.Read(p) //nolint:wrapcheck // crypto/tls wants it bare
	}
	switch n, err := readNow(w.fd, p); {
	case errors.Is(err, unix.EAGAIN):
		return 0, notYet{}
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

// Write implements [net.Conn].
func (w *wire) Write(p []byte) (int, error) {
	if w.out == nil {
		return w.Conn.Write(p) //nolint:wrapcheck // crypto/tls wants it bare
	}
	return len(p), w.out.send(p)
}

// SetDeadline and the like are crypto/tls's wishes; during a flow the outbox
// alone decides how long what may take.
func (w *wire) SetDeadline(t time.Time) error {
	if w.out != nil {
		return nil
	}
	return w.Conn.SetDeadline(t) //nolint:wrapcheck // it is the connection's
}

// SetWriteDeadline is as SetDeadline.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.out != nil {
		return nil
	}
	return w.Conn.SetWriteDeadline(t) //nolint:wrapcheck // it is the connection's
}

// A tlsRecord follows where one TLS record ends and the next begins (RFC 8446
// section 5.1): five bytes, of which the last two say how many follow.
type tlsRecord struct {
	head int // bytes of it seen
	size int // as far as it was seen
	left int // bytes of the rest not seen
}

func (r *tlsRecord) pass(b []byte) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		r.size = r.size<<8 | int(b[0])
		b = b[1:]
		if r.head++; r.head == 5 {
			r.left = r.size & 0xffff
			r.head, r.size = 0, 0
		}
	}
}

func (r *tlsRecord) half() bool { return r.head > 0 || r.left > 0 }
