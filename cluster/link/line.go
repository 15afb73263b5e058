package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"
)

// A frame of the ask protocol is its length, a number that joins question and
// answer, and the content. A question's content is the milliseconds the asker
// waits, the length of the kind, the kind and the body; an answer's is a status
// and the body.
const (
	numberSize   = 4
	questionHead = numberSize + 4 + 1
	longestKind  = 255
	longestFrame = questionHead + longestKind + LongestBody
	writingTime  = 10 * time.Second
)

const (
	statusAnswer byte = iota
	statusError
)

// A line is one connection over which one node asks another.
type line struct {
	node   string
	ready  chan struct{} // closed when c or failed is set
	c      net.Conn
	failed error

	writing sync.Mutex

	mu      sync.Mutex
	ended   error
	last    uint32
	waiting map[uint32]chan answered
}

type answered struct {
	body []byte
	err  error
}

func newLine(node string) *line {
	return &line{node: node, ready: make(chan struct{}), waiting: map[uint32]chan answered{}}
}

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended != nil
}

// fail ends the line and every question that waits on it.
func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return
	}
	l.ended = err
	for number, answer := range l.waiting {
		answer <- answered{err: err}
		delete(l.waiting, number)
	}
}

func (l *line) ask(ctx context.Context, kind string, body []byte) ([]byte, error) {
	if len(kind) > longestKind {
		return nil, errors.New("the kind's name is too long")
	}
	number, answer, err := l.expect()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEnded, err)
	}
	defer l.forget(number)
	_ = l.c.SetReadDeadline(time.Now().Add(idleAsker))
	if err = l.write(question(number, waitOf(ctx), kind, body)); err != nil {
		l.fail(err)
		_ = l.c.Close()
		return nil, err
	}
	select {
	case got := <-answer:
		if remote, ok := errors.AsType[*RemoteError](got.err); ok {
			remote.Kind = kind
		}
		return got.body, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *line) expect() (uint32, chan answered, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return 0, nil, l.ended
	}
	l.last++
	answer := make(chan answered, 1) // fail and read never wait
	l.waiting[l.last] = answer
	return l.last, answer, nil
}

func (l *line) forget(number uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, number)
}

func (l *line) write(content []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.c.SetWriteDeadline(time.Now().Add(writingTime)); err != nil {
		return err
	}
	return writeFrame(l.c, content)
}

// read hands out answers until the line ends or was quiet for long.
func (l *line) read() error {
	for {
		if err := l.c.SetReadDeadline(time.Now().Add(idleAsker)); err != nil {
			return err
		}
		b, err := readFrame(l.c, longestFrame)
		if err != nil {
			return fmt.Errorf("waiting for the answer: %w", err)
		}
		if err = l.take(b); err != nil {
			return err
		}
	}
}

func (l *line) take(b []byte) error {
	number, body, err := parseAnswer(b, l.node)
	if errors.Is(err, errBadFrame) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer := l.waiting[number]; answer != nil {
		answer <- answered{body, err}
		delete(l.waiting, number)
	}
	return nil
}

var (
	errBadFrame = errors.New("the frame is too short")
	errEnded    = errors.New("the connection ended before the question was sent")
)

func waitOf(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return longestAnswer
}

func question(number uint32, wait time.Duration, kind string, body []byte) []byte {
	b := make([]byte, 0, questionHead+len(kind)+len(body))
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(wait.Milliseconds(), 1), math.MaxUint32)))
	b = append(b, byte(len(kind))) //nolint:gosec // bounded by the caller
	return append(append(b, kind...), body...)
}

type asked struct {
	number uint32
	wait   time.Duration
	kind   string
	body   []byte
}

func parseQuestion(b []byte) (asked, error) {
	if len(b) < questionHead || len(b) < questionHead+int(b[8]) {
		return asked{}, errBadFrame
	}
	kind := int(b[8])
	return asked{
		number: binary.BigEndian.Uint32(b),
		wait:   min(time.Duration(binary.BigEndian.Uint32(b[4:]))*time.Millisecond, longestAnswer),
		kind:   string(b[questionHead : questionHead+kind]),
		body:   b[questionHead+kind:],
	}, nil
}

func answer(number uint32, body []byte, err error) []byte {
	status := statusAnswer
	if err != nil {
		status, body = statusError, []byte(err.Error())
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, numberSize+1+len(body)), number)
	return append(append(b, status), body...)
}

func parseAnswer(b []byte, node string) (uint32, []byte, error) {
	if len(b) < numberSize+1 {
		return 0, nil, errBadFrame
	}
	number, body := binary.BigEndian.Uint32(b), b[numberSize+1:]
	if b[numberSize] != statusAnswer {
		return number, nil, &RemoteError{Node: node, Text: string(body)}
	}
	return number, body, nil
}
