package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store"
)

// A credential is who this node is to the others. It may become another one while
// the node runs.
type credential struct {
	atomic.Pointer[link.Identity]
	next atomic.Pointer[string] // fingerprint of the key that is to follow; nil: none
}

// use takes what a node has on disk.
func (c *credential) use(i link.Identity, next []byte) error {
	c.Store(&i)
	if len(next) == 0 {
		return nil
	}
	key, err := link.LoadKey(next)
	if err != nil {
		return err
	}
	name, err := key.Fingerprint()
	c.next.Store(&name)
	return err
}

// coming returns the fingerprint of the key that is to follow, or nothing.
func (c *credential) coming() string {
	if name := c.next.Load(); name != nil {
		return *name
	}
	return ""
}

// rotation keeps the node's certificate good: it has it issued again, for the same
// key, when a third of its time is left; and, when it is told to, for a new key,
// which the View names first and the former one no more when it is in use. Each
// step follows from what is on disk and in the View, so that any may be the last
// before a crash.
type rotation struct {
	own       *credential
	authority *link.Authority // a main's; else nil
	config    *configuration
	peers     *peers
	port      *link.Port
	dir       *directory
	members   *membership
	clock     func() time.Time
	events    *admin.Events
	log       *slog.Logger

	mu     sync.Mutex // held while a certificate is being had
	at     time.Time  // when the last one came
	said   string     // the last complaint
	warned time.Time  // that it is overdue; Run's own
	again  chan struct{}
}

const (
	lookAtEnd    = time.Minute    // how often the end of the certificate is looked at
	lookForKey   = time.Second    // and whether a main gives one for another key
	renewNoMore  = 24 * time.Hour // than once in this time, whatever the clock says
	warnAgain    = 24 * time.Hour // while that is overdue
	clocksDiffer = 24 * time.Hour // by less than this
	keyEvery     = 100 * time.Millisecond
	keyTime      = 20 * time.Second // for another key to be in force
)

// The questions about certificates between nodes: askRenewal is for one, askNewKey
// has a node have one for another key.
const (
	askRenewal = "renewal"
	askNewKey  = "new key"
)

// newRotation completes r, and answers other nodes.
func newRotation(r *rotation) *rotation {
	r.again = make(chan struct{}, 1)
	if r.authority != nil {
		r.port.HandleAsk(askRenewal, r.answer)
	}
	r.port.HandleAsk(askNewKey, r.answerNewKey)
	return r
}

// due reports whether a certificate is to be issued again: a third of its time is
// left, or it was issued by a clock that was far ahead of ours, which is set: it says
// that the system has been founded.
func due(now time.Time, own *link.Identity) bool {
	begins, ends := own.Validity()
	ahead := begins.After(now.Add(clocksDiffer)) && now.After(own.Founded())
	return ahead || now.After(ends.Add(-link.Lifetime/3))
}

// overdue reports whether a certificate should have been issued again for a day.
func overdue(now time.Time, own *link.Identity) bool {
	_, ends := own.Validity()
	return now.After(ends.Add(-link.Lifetime/3 + renewNoMore))
}

// Run looks until ctx ends.
func (r *rotation) Run(ctx context.Context) error {
	stop := r.config.Store().Watch(func(*store.View) { r.hurry() })
	defer stop()
	for {
		wait := lookAtEnd
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.complain(err)
			if r.own.coming() != "" {
				wait = lookForKey
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		case <-r.again:
		}
		r.warn()
	}
}

// complain says what is wrong, and does not repeat itself.
func (r *rotation) complain(err error) {
	if err.Error() != r.said {
		r.said = err.Error()
		r.log.Warn("the node's certificate stays as it is for now", "error", err)
	}
}

// warn says each day what nobody may overlook.
func (r *rotation) warn() {
	own := r.own.Load()
	if !overdue(r.clock(), own) || !r.warned.IsZero() && time.Since(r.warned) < warnAgain {
		return
	}
	r.warned = time.Now()
	_, ends := own.Validity()
	r.log.Warn("the node's certificate should have been renewed: no main has done it", "ends", ends.UTC().Format(time.DateOnly), "error", r.said)
}

func (r *rotation) hurry() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// look does what there is to do about the certificate now.
func (r *rotation) look(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.own.Load()
	switch {
	case r.own.coming() == "" && listsCertificate(r.config.View(), own):
		return r.nameKey(own.Key())
	case r.own.coming() != "" && r.config.View().Lists(own.Peer().Node, r.own.coming()):
		key, err := r.waitingKey()
		if err != nil {
			return err
		}
		return r.have(ctx, key)
	case r.config.View().Index() > 0 && due(r.clock(), own) && (r.at.IsZero() || time.Since(r.at) > renewNoMore):
		return r.have(ctx, own.Key())
	}
	return nil
}

// listsCertificate reports whether a View has of a node what former versions wrote:
// the fingerprint of its certificate.
func listsCertificate(v *store.View, own *link.Identity) bool {
	n, _ := v.Node(own.Peer().Node)
	return n.Certificate == link.CertificateFingerprint(own.Certificate())
}

// waitingKey returns the key that is to follow, if there is one.
func (r *rotation) waitingKey() (*link.Key, error) {
	have, err := readIdentity(r.dir)
	if err != nil || len(have.NextKey) == 0 {
		return nil, err
	}
	return link.LoadKey(have.NextKey)
}

// have has a certificate issued for a key, keeps it, and shows it from then on.
func (r *rotation) have(ctx context.Context, key *link.Key) error {
	own := r.own.Load()
	request, err := key.Request(own.Peer().Node)
	if err != nil {
		return err
	}
	certificate, err := r.issued(ctx, request)
	if err != nil {
		return err
	}
	next, err := key.Identity(certificate, own.Authority())
	if err != nil {
		return err
	}
	if next.Peer() != own.Peer() {
		return errors.New("a main has issued a certificate for somebody else")
	}
	err = r.dir.changeIdentity(func(i *identity) {
		i.Certificate = next.Marshal()
		if next.Fingerprint() == r.own.coming() {
			i.NextKey = nil
		}
	})
	if err == nil {
		err = r.port.Use(next)
	}
	if err != nil {
		return err
	}
	r.own.Store(&next)
	if next.Fingerprint() == r.own.coming() {
		r.own.next.Store(nil)
	}
	r.at, r.said = time.Now(), ""
	_, ends := next.Validity()
	r.events.Add("certificate", "this node's certificate was renewed, until %s", ends.UTC().Format(time.DateOnly))
	r.members.hurry() // another key is in use: the View is to say so
	return nil
}

// issued returns a certificate for a request, made here or at a main.
func (r *rotation) issued(ctx context.Context, request []byte) ([]byte, error) {
	self := r.own.Load().Peer()
	if r.authority != nil {
		return r.authority.IssueAt(r.clock(), request, self.Node, self.Role)
	}
	err := errors.New("no main is known here")
	for _, main := range r.peers.mains() {
		var certificate []byte
		if certificate, err = r.peers.ask(ctx, main, askRenewal, request); err == nil {
			return certificate, nil
		}
	}
	return nil, fmt.Errorf("no main renews the certificate: %w", err)
}

// answer issues a certificate for another node, for a key that the View lists as
// that node's: who is removed leaves no other behind.
func (r *rotation) answer(_ context.Context, from link.Peer, request []byte) ([]byte, error) {
	key, err := link.KeyFingerprint(request)
	if err != nil {
		return nil, err
	}
	if n, _ := r.config.View().Node(from.Node); n.Role != string(from.Role) || !r.config.View().Lists(from.Node, key) {
		return nil, fmt.Errorf("that is not the key of %s, a %s", from.Node, from.Role)
	}
	return r.authority.IssueAt(r.clock(), request, from.Node, from.Role)
}

// begin puts a key on disk that is to follow, unless one waits there already, and
// returns its fingerprint. All else comes of that.
func (r *rotation) begin() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.waitingKey()
	own := r.own.Load()
	switch {
	case err == nil && r.own.coming() == own.Fingerprint():
		err = &store.Error{Kind: store.Conflict, Field: "node", Message: "the key of today is not listed yet, as a former version listed the certificate: try again in a moment"}
	case err == nil && key == nil:
		key, _, err = link.NewRequest(own.Peer().Node)
	}
	if err == nil {
		err = r.nameKey(key)
	}
	return r.own.coming(), err
}

// nameKey puts the key on disk that is to follow, and has the View name it. It may be
// that of today, for a View that lists the certificate.
func (r *rotation) nameKey(key *link.Key) error {
	name, err := key.Fingerprint()
	if err == nil {
		err = r.dir.changeIdentity(func(i *identity) { i.NextKey = key.Marshal() })
	}
	if err != nil {
		return err
	}
	r.own.next.Store(&name)
	r.members.hurry()
	return nil
}

// answerNewKey begins at the wish of a main.
func (r *rotation) answerNewKey(_ context.Context, from link.Peer, _ []byte) ([]byte, error) {
	if from.Role != link.Main {
		return nil, errors.New("ask for it at a main")
	}
	name, err := r.begin()
	return []byte(name), err
}

// RenewNode implements [admin.Nodes].
func (s *system) RenewNode(ctx context.Context, name string) (admin.Renewed, error) {
	n, known := s.config.View().Node(name)
	var key string
	var err error
	switch {
	case !known:
		_, err = store.RemoveNode{Name: name}.On(s.config.View()) // whose refusal says so
	case name == s.self().Name:
		key, err = s.rotation.begin()
	case s.authority == nil:
		err = &store.Error{Kind: store.Conflict, Field: "node", Message: "ask for it at a main, or at " + name}
	default:
		var answer []byte
		if answer, err = s.peers.ask(ctx, n, askNewKey, nil); err != nil {
			err = &admin.Problem{Kind: admin.Unavailable, Message: fmt.Sprintf("%s does not answer: %v", name, err)}
		}
		key = string(answer)
	}
	if err == nil {
		err = s.awaitKey(ctx, name, key)
	}
	return admin.Renewed{Name: name}, err
}

// awaitKey returns when the key of a node is in force.
func (s *system) awaitKey(ctx context.Context, name, key string) error {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	tick := time.NewTicker(keyEvery)
	defer tick.Stop()
	for {
		if n, _ := s.config.View().Node(name); n.Certificate == key {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &admin.Problem{Kind: admin.Unavailable, Message: "the new key is not in force yet: it will be when " + name + " hears a main, and more than half of the mains are there"}
		}
	}
}
