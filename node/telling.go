package node

import (
	"log/slog"
	"strings"
	"sync"

	"carillon/cluster/session"
	"carillon/store/live"
)

// The channels in which nodes tell each other who is registered with them: each
// binding whole, and a pointer to it. Behind a slash stands the site of the phone:
// its nodes get the binding, those of all other sites the pointer, and mains both,
// the pointer to pass it on.
const (
	registrations = "reg"
	pointers      = "ptr"
	dialogs       = "dlg" // the calls that a node has let begin, divided by the sites of their users; who gets which: see following
)

// concerns reports whether those nodes of a site that are no mains want a channel.
func concerns(site, channel string) bool {
	class, of, divided := strings.Cut(channel, "/")
	switch {
	case !divided:
		return true
	case class == registrations, class == leased:
		return of == site
	case class == pointers:
		return of != site
	}
	return true
}

// telling hands what happens to this node's registrations to the other nodes. It
// implements [live.Keeper].
type telling struct {
	site func() string // of this node: that of phones of which it is not known
	open func(channel string) *session.Namespace
	log  *slog.Logger

	mu    sync.Mutex
	sites map[string]told
}

// told is what others are told about the phones of one site.
type told struct{ bindings, pointers *session.Namespace }

// Set implements [live.Journal].
func (t *telling) Set(key string, value []byte) { t.Keep(key+string(value), len(key), false) }

// Keep implements [live.Keeper].
func (t *telling) Keep(text string, cut int, _ bool) {
	key := text[:cut]
	x, err := live.ParseShared(key, text[cut:])
	if err != nil {
		t.log.Error("a registration of this node makes no sense", "error", err)
		return
	}
	if x.Site == "" {
		x.Site = t.site()
	}
	at := t.at(x.Site)
	if !at.bindings.Has(key) {
		t.Delete(key) // it may have stood elsewhere
	}
	at.bindings.Keep(text, cut)
	at.pointers.Set(live.PointerKey(key), x.AppendPointer(nil))
}

// Delete implements [live.Journal].
func (t *telling) Delete(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, at := range t.sites {
		if at.bindings.Has(key) {
			at.bindings.Delete(key)
			at.pointers.Delete(live.PointerKey(key))
		}
	}
}

func (t *telling) at(site string) told {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.sites[site]
	if !ok {
		at = told{t.open(registrations + "/" + site), t.open(pointers + "/" + site)}
		t.sites[site] = at
	}
	return at
}
