package admin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answerTime bounds a question to a node that is busy or hangs. Events that are
// watched are not bounded.
const answerTime = 60 * time.Second

// ErrNoNode means that nothing answers in the data directory.
var ErrNoNode = errors.New("no node runs here")

// A Client asks the node that runs in a data directory. Its methods may be
// called at the same time. A refusal of the node is a [*Problem].
type Client struct {
	dir  string
	http *http.Client
}

// NewClient returns a Client of the node in dir. It does not connect yet.
func NewClient(dir string) *Client {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, dir) }
	return &Client{dir: dir, http: &http.Client{Transport: &http.Transport{DialContext: connect}}}
}

// Status returns what the node says about itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status", nil)
}

// Registrations returns the registered phones of user, or of all when it is
// empty. When some nodes did not answer, the error is a [*Partial] and the rest is there.
func (c *Client) Registrations(ctx context.Context, user string) ([]Registration, error) {
	return get[[]Registration](ctx, c, "/v1/registrations", url.Values{"user": {user}})
}

// Calls returns the calls that exist. When some nodes did not answer, the error
// is a [*Partial] and the rest is there.
func (c *Client) Calls(ctx context.Context) ([]Call, error) {
	return get[[]Call](ctx, c, "/v1/calls", nil)
}

// Members returns the nodes of the system.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return get[[]Member](ctx, c, "/v1/members", nil)
}

// Sites returns the sites of the system.
func (c *Client) Sites(ctx context.Context) ([]Site, error) {
	return get[[]Site](ctx, c, "/v1/sites", nil)
}

// Links returns how the node stands with others.
func (c *Client) Links(ctx context.Context) ([]LinkDetail, error) {
	return get[[]LinkDetail](ctx, c, "/v1/links", nil)
}

// CreateToken makes a token with which one node can join within ttl.
func (c *Client) CreateToken(ctx context.Context, ttl time.Duration) (Token, error) {
	return post[Token](ctx, c, "/v1/tokens", url.Values{"ttl": {ttl.String()}}, nil)
}

// RemoveNode takes a node out of the system for good.
func (c *Client) RemoveNode(ctx context.Context, name string) (Removed, error) {
	return ask[Removed](ctx, c, http.MethodDelete, "/v1/nodes", url.Values{"name": {name}}, nil)
}

// RenewNode has a node have another key.
func (c *Client) RenewNode(ctx context.Context, name string) (Renewed, error) {
	return post[Renewed](ctx, c, "/v1/nodes/renew", url.Values{"name": {name}}, nil)
}

// Deciding returns what a take-over would be about, or why there cannot be one.
func (c *Client) Deciding(ctx context.Context) (Deciding, error) {
	return get[Deciding](ctx, c, "/v1/take-over", nil)
}

// TakeOver makes the node the only one that decides.
func (c *Client) TakeOver(ctx context.Context) (Deciding, error) {
	return post[Deciding](ctx, c, "/v1/take-over", nil, nil)
}

// Events returns the events that the node remembers, oldest first.
func (c *Client) Events(ctx context.Context) ([]Event, error) {
	return get[[]Event](ctx, c, "/v1/events", nil)
}

// WatchEvents calls f with each event that is remembered, and then with each
// new one, until ctx ends, f returns an error, or the node stops.
func (c *Client) WatchEvents(ctx context.Context, f func(Event) error) error {
	answer, err := c.do(ctx, http.MethodGet, "/v1/events", url.Values{"watch": {"true"}}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch err = eachLine(answer.Body, f); {
	case ctx.Err() != nil:
		err = nil // being told to stop is the normal end
	case err == nil:
		err = ErrNoNode
	}
	return err
}

// eachLine calls f with each JSON object of an answer that goes on, until that ends
// or f returns an error.
func eachLine[T any](answer io.Reader, f func(T) error) error {
	lines := bufio.NewScanner(answer)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue // the node shows that it is there
		}
		var said T
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			return fmt.Errorf("reading what the node says: %w", err)
		}
		if err := f(said); err != nil {
			return err
		}
	}
	if lines.Err() != nil {
		return errors.Join(ErrNoNode, lines.Err())
	}
	return nil
}

// Dialogs returns what passed, one row for each Call-ID, the one that began
// first first. When some nodes did not answer, the error is a [*Partial] and the
// rest is there.
func (c *Client) Dialogs(ctx context.Context, q TraceQuery) ([]Dialog, error) {
	return get[[]Dialog](ctx, c, "/v1/trace/dialogs", q.values())
}

// Messages returns the messages that passed in the order of time. When some
// nodes did not answer, the error is a [*Partial] and the rest is there.
func (c *Client) Messages(ctx context.Context, q TraceQuery) ([]Message, error) {
	return get[[]Message](ctx, c, "/v1/trace/messages", q.values())
}

// Metrics returns the node's figures in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	return c.text(ctx, "/v1/metrics")
}

// Users returns the numbers of the users.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	return get[[]User](ctx, c, "/v1/users", nil)
}

// Plan says what applying the configuration in text would change. file is its
// name in messages.
func (c *Client) Plan(ctx context.Context, file string, text []byte) (Plan, error) {
	return post[Plan](ctx, c, "/v1/config/plan", url.Values{"file": {file}}, text)
}

// Apply makes the configuration in text the one in force.
func (c *Client) Apply(ctx context.Context, file string, text []byte) (Plan, error) {
	return post[Plan](ctx, c, "/v1/config/apply", url.Values{"file": {file}}, text)
}

// Rollback makes the configuration of a former revision the one in force.
func (c *Client) Rollback(ctx context.Context, revision uint64) (Plan, error) {
	return post[Plan](ctx, c, "/v1/config/rollback", url.Values{"to": {strconv.FormatUint(revision, 10)}}, nil)
}

// Export returns the configuration in force as a file.
func (c *Client) Export(ctx context.Context) ([]byte, error) {
	return c.text(ctx, "/v1/config/export")
}

// text returns an answer that is no JSON.
func (c *Client) text(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return io.ReadAll(answer.Body)
}

// History returns the revisions that are kept, the latest first.
func (c *Client) History(ctx context.Context) ([]Revision, error) {
	return get[[]Revision](ctx, c, "/v1/config/history", nil)
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, query, nil)
}

func post[T any](ctx context.Context, c *Client, path string, query url.Values, body []byte) (T, error) {
	return ask[T](ctx, c, http.MethodPost, path, query, body)
}

func ask[T any](ctx context.Context, c *Client, method, path string, query url.Values, send []byte) (T, error) {
	var answer T
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	said, err := c.do(ctx, method, path, query, send)
	if err != nil {
		return answer, err
	}
	defer func() { _ = said.Body.Close() }()
	if err = json.NewDecoder(said.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("reading the node's answer: %w", err)
	}
	if silent := said.Header.Get(silentHeader); silent != "" {
		return answer, &Partial{Silent: strings.Split(silent, ",")}
	}
	return answer, nil
}

// A Partial is the error of an answer to which some nodes did not contribute.
type Partial struct{ Silent []string }

// Error implements error.
func (p *Partial) Error() string {
	return "no answer from " + strings.Join(p.Silent, ", ") + ": what only they know is missing"
}

// do sends one question and returns a good answer.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, send []byte) (*http.Response, error) {
	where := url.URL{Scheme: "http", Host: "node", Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, where.String(), bytes.NewReader(send))
	if err != nil {
		return nil, err
	}
	r.Header.Set(onBehalfHeader, os.Getenv("SUDO_USER"))
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	if answer.StatusCode != http.StatusOK {
		defer func() { _ = answer.Body.Close() }()
		return nil, readProblem(answer)
	}
	return answer, nil
}

// explain gives the two ways of not reaching a node a meaning.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return ErrNoNode
	case errors.Is(err, fs.ErrPermission):
		return &Problem{Kind: NotAllowed, Message: c.dir + " belongs to another account: ask as that account, or with sudo"}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // its text names an address that means nothing here
	}
	return fmt.Errorf("asking the node: %w", err)
}

func readProblem(answer *http.Response) error {
	var said struct {
		Problem

		Detail string `json:"detail"` // as programs are told
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	err := json.NewDecoder(answer.Body).Decode(&said)
	p := &said.Problem
	if said.Detail != "" {
		all := []string{}
		for _, e := range said.Errors {
			all = append(all, strings.TrimPrefix(e.Location, "body.")+": "+e.Message)
		}
		p.Message = cmp.Or(strings.Join(all, "\n"), said.Detail)
	}
	if err != nil || p.Message == "" {
		return fmt.Errorf("asking the node: it answered %s", answer.Status)
	}
	return p
}
