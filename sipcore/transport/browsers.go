package transport

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// anyOrigin allows pages of everywhere.
const anyOrigin = "*"

// browsers are the doors for telephones in web pages, which are open while any
// page may use them.
type browsers struct {
	origins atomic.Pointer[[]string]

	mu     sync.Mutex // guards all below
	doors  []door
	closed bool
}

// Browsers says which web pages may connect, by their origins
// ("https://phone.example.org", or "*" for all). While there are some, the layer
// listens for WebSocket, with TLS if it has that; an error says why not, and may
// be over when it is called again. Connections that stand stay, but they come by
// nobody's origin any more.
func (l *Layer) Browsers(origins []string) error {
	allowed := slices.Clone(origins)
	l.browsers.origins.Store(&allowed)
	l.browsers.mu.Lock()
	defer l.browsers.mu.Unlock()
	if len(origins) == 0 || l.browsers.closed {
		l.browsers.shutLocked()
		return nil
	}
	if len(l.browsers.doors) > 0 {
		return nil
	}
	if err := l.openForBrowsersLocked(); err != nil {
		l.browsers.shutLocked()
		return err
	}
	l.serveBrowsersLocked()
	return nil
}

// serveBrowsers lets in who waits at doors that were opened before Run.
func (l *Layer) serveBrowsers() {
	l.browsers.mu.Lock()
	defer l.browsers.mu.Unlock()
	l.serveBrowsersLocked()
}

func (l *Layer) serveBrowsersLocked() {
	for i := range l.browsers.doors {
		d := &l.browsers.doors[i]
		ln, k := d.TCPListener, d.kind
		d.served = d.served || l.spawn(func() { l.accept(ln, k) })
	}
}

func (l *Layer) openForBrowsersLocked() error {
	kinds := []Kind{WS}
	if l.opts.Certificate != nil {
		kinds = append(kinds, WSS)
	}
	for _, addr := range l.families() {
		for _, k := range kinds {
			if err := l.openBrowserDoorLocked(addr, k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Layer) openBrowserDoorLocked(addr netip.Addr, k Kind) error {
	ln, err := listenTCP(addr, l.Ports().Of(k))
	switch {
	case err == nil:
		l.browsers.doors = append(l.browsers.doors, door{TCPListener: ln, kind: k})
		return nil
	case l.canDoWithout(addr, err):
		return nil
	}
	return err
}

// allows reports whether pages of an origin may connect.
func (l *Layer) allows(origin string) bool {
	allowed := l.browsers.origins.Load()
	return allowed != nil && slices.ContainsFunc(*allowed, func(o string) bool {
		return o == anyOrigin || strings.EqualFold(o, origin)
	})
}

// close shuts the doors for good.
func (b *browsers) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.shutLocked()
}

func (b *browsers) shutLocked() {
	for _, d := range b.doors {
		_ = d.Close() // nothing is lost with a listener
	}
	b.doors = nil
}
