package calendar

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"carillon/node/calendar/ical"
	"carillon/store"
)

const (
	patience      = 10 * time.Second // for a whole answer
	mostBytes     = 4 << 20          // of an answer
	mostRedirects = 3
	mostHeader    = 64 << 10
)

// A question is what a calendar is asked.
type question struct {
	user   string
	at     store.Calendar
	memory memory
}

// A memory is what one answer leaves for the next question.
type memory struct {
	etag, modified string
	sum            [sha256.Size]byte // of what was read last
	horizon        time.Time         // until when it is known
	login          login
	bad            [sha256.Size]byte // of a body that could not be read
	why            error
}

// An answer is what became of a question.
type answer struct {
	user    string
	at      store.Calendar
	memory  memory
	changed bool
	line    []ical.Span
	err     error // of which people are told: it repeats no address
}

// A client asks calendars over HTTP. It is safe for concurrent use.
type client struct {
	http     *http.Client
	zone     *time.Location
	patience time.Duration
}

func newClient(zone *time.Location) *client {
	return &client{zone: zone, patience: patience, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // see client.get
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: patience}).DialContext,
			TLSHandshakeTimeout:    patience,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           mostAtOnce,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        2 * every,
			MaxResponseHeaderBytes: mostHeader,
		},
	}}
}

// ask asks a calendar, and reads what it answers.
func (c *client) ask(ctx context.Context, q question) answer {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	a := answer{user: q.user, at: q.at, memory: q.memory}
	if time.Until(a.memory.horizon) < readAnew {
		a.memory.etag, a.memory.modified, a.memory.sum = "", "", [sha256.Size]byte{}
	}
	body, err := c.get(ctx, q.at, &a.memory)
	if err == nil && body != nil {
		err = c.read(body, &a)
	}
	if a.err = plain(err); err != nil { // it is asked for all again that was not read
		learnt := a.memory
		a.memory = q.memory
		a.memory.login, a.memory.bad, a.memory.why = learnt.login, learnt.bad, learnt.why
	}
	return a
}

// read reads the body of an answer, unless it is the one that was read last.
func (c *client) read(body []byte, a *answer) error {
	sum := sha256.Sum256(body)
	switch sum {
	case a.memory.sum:
		return nil
	case a.memory.bad:
		return a.memory.why // it is not worth the time again
	}
	calendars := [][]byte{body}
	if a.at.CalDAV {
		var err error
		if calendars, err = calendarsOf(body); err != nil {
			return err
		}
	}
	now := time.Now()
	line, err := ical.Timeline(calendars, ical.Window{From: now, To: now.Add(ahead), Zone: c.zone})
	if err != nil {
		a.memory.bad, a.memory.why = sum, err
		return err
	}
	a.line, a.changed = line, true
	a.memory.sum, a.memory.horizon = sum, now.Add(ahead)
	return nil
}

// get returns the body of an answer; none if nothing has changed. It follows
// redirects itself: the login is for the server that the configuration names, and no
// other hears it.
func (c *client) get(ctx context.Context, at store.Calendar, m *memory) ([]byte, error) {
	first, err := url.Parse(at.Address)
	if err != nil {
		return nil, errors.New("its address makes no sense")
	}
	to, retried := first, false
	for hops := 0; hops <= mostRedirects; {
		isOurs := to.Scheme == first.Scheme && to.Host == first.Host
		resp, err := c.send(ctx, at, to, m, isOurs)
		if err != nil {
			return nil, err
		}
		switch {
		case resp.StatusCode == http.StatusUnauthorized && isOurs && !retried && m.login.learn(resp.Header, at):
			retried = true
			discard(resp)
		case isRedirect(resp.StatusCode):
			hops++
			discard(resp)
			if to, err = follow(to, resp); err == nil {
				err = mayLead(ctx, first, to)
			}
			if err != nil {
				return nil, err
			}
		default:
			return bodyOf(resp, at, m)
		}
	}
	return nil, fmt.Errorf("it leads elsewhere more than %d times", mostRedirects)
}

func isRedirect(status int) bool {
	return status == http.StatusMovedPermanently || status == http.StatusFound || status == http.StatusSeeOther ||
		status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
}

// follow returns where a server sends us: never from a sealed connection to an open
// one, nor to anything but HTTP.
func follow(from *url.URL, resp *http.Response) (*url.URL, error) {
	to, err := from.Parse(resp.Header.Get("Location"))
	switch {
	case err != nil || to.Host == "" || to.User != nil:
		return nil, errors.New("it leads to an address that makes no sense")
	case to.Scheme != "https" && to.Scheme != from.Scheme:
		return nil, errors.New("it leads to what is not https")
	}
	return to, nil
}

// mayLead refuses to be led from a server outside to one inside the network, which no
// administrator has chosen.
func mayLead(ctx context.Context, first, to *url.URL) error {
	if to.Host == first.Host || isInside(ctx, first.Hostname()) || !isInside(ctx, to.Hostname()) {
		return nil
	}
	return errors.New("it leads to an address inside the network")
}

// isInside reports whether a host has an address that is of this machine, or of no public
// network.
func isInside(ctx context.Context, host string) bool {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.Unmap().IsPrivate() || a.Unmap().IsLoopback()
	})
}

func (c *client) send(ctx context.Context, at store.Calendar, to *url.URL, m *memory, isOurs bool) (*http.Response, error) {
	method, body := http.MethodGet, ""
	if at.CalDAV {
		method, body = "REPORT", query(time.Now())
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("its address makes no sense")
	}
	req.Header.Set("User-Agent", "carillon")
	if at.CalDAV {
		req.Header.Set("Content-Type", "application/xml; charset=utf-8")
		req.Header.Set("Depth", "1")
	} else {
		setIf(req.Header, "Accept", "text/calendar, */*;q=0.1")
		setIf(req.Header, "If-None-Match", m.etag)
		setIf(req.Header, "If-Modified-Since", m.modified)
	}
	if isOurs {
		setIf(req.Header, "Authorization", m.login.authorization(req, at))
	}
	return c.http.Do(req)
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// bodyOf returns what a server has answered.
func bodyOf(resp *http.Response, at store.Calendar, m *memory) ([]byte, error) {
	defer discard(resp)
	want := http.StatusOK
	if at.CalDAV {
		want = http.StatusMultiStatus
	}
	switch {
	case resp.StatusCode == http.StatusNotModified && m.etag+m.modified != "":
		return nil, nil
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("it refuses who asks (%d)", resp.StatusCode)
	case resp.StatusCode != want:
		return nil, fmt.Errorf("it answers %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostBytes+1))
	if err == nil && len(body) > mostBytes {
		err = errors.New("it sends more than 4 MB")
	}
	m.etag, m.modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	return body, err
}

// discard has the connection used again, if little is left on it.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}

// plain returns err in words that repeat no address, for that may be a secret.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch timeout, ok := errors.AsType[net.Error](err); {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return errors.New("it does not answer within 10 s")
	}
	return err
}
