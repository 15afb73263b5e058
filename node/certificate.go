package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
)

// certificates keep the certificate that phones and browsers are shown: one that
// the system's authority issues, or the administrator's. Another one takes the
// place of the first without closing a connection.
type certificates struct {
	self      *identity
	root      *x509.Certificate // of the authority
	authority *link.Authority   // a main's; else nil
	config    *configuration
	peers     *peers
	dir       *directory
	events    *admin.Events
	log       *slog.Logger

	shown atomic.Pointer[shown]
	again chan struct{} // the administrator says that the files are others
	tried string        // which files were read last; all from here on are Run's own
	asked string        // for what the last certificate was issued
	at    time.Time     // and when
	said  string        // the last complaint
}

// A shown is a certificate in use.
type shown struct {
	tls.Certificate

	source string // the administrator's file; "" is the authority
}

// lookAgain is how often the files, the names and the addresses are looked at.
const lookAgain = 2 * time.Second

// newCertificates finds the first certificate, and answers other nodes that need
// one.
func (n *Node) newCertificates(d *directory, port *link.Port) (*certificates, error) {
	root, err := x509.ParseCertificate(n.certificate.Load().Authority())
	if err != nil {
		return nil, fmt.Errorf("reading the authority's certificate: %w", err)
	}
	c := &certificates{
		self: &n.identity, root: root, authority: n.authority, config: n.config, peers: n.peers, dir: d,
		events: n.events, log: n.component("certificate"), again: make(chan struct{}, 1),
	}
	if c.authority != nil {
		port.HandleAsk(askCertificate, c.answer)
	}
	return c, c.open()
}

// certify implements [transport.Certify].
func (c *certificates) certify(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s := c.shown.Load(); s != nil {
		return &s.Certificate, nil
	}
	return nil, errors.New("no main has issued a certificate yet")
}

// roots returns whom this node believes when it calls: whom the machine does,
// and the system's own authority.
func (c *certificates) roots() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AddCert(c.root)
	return pool
}

// open finds the first certificate without asking anybody. Files that were given
// for the first time must be good; with those of the last start the node comes up
// in any case, and shows the authority's certificate until they are.
func (c *certificates) open() error {
	if c.self.TLSCert == "" {
		c.restore()
		return nil
	}
	err := c.readFiles()
	if err == nil || c.self.newFiles {
		return err
	}
	c.complain(err)
	c.restore()
	return nil
}

// Run keeps the certificate good until ctx ends.
func (c *certificates) Run(ctx context.Context) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-c.again:
			c.tried = ""
		}
	}
}

// look does what there is to do about the certificate now.
func (c *certificates) look(ctx context.Context) {
	var err error
	if c.self.TLSCert != "" {
		err = c.readFiles()
	}
	if s := c.shown.Load(); err == nil && (s == nil || s.source == "") {
		err = c.renew(ctx) // without good files the authority's certificate is better than none
	}
	if err != nil && ctx.Err() == nil {
		c.complain(err)
	}
}

// complain says what is wrong, and does not repeat itself.
func (c *certificates) complain(err error) {
	if err.Error() == c.said {
		return
	}
	c.said = err.Error()
	if c.shown.Load() == nil {
		c.log.Warn("phones cannot use TLS yet", "error", err)
		return
	}
	c.log.Error("the certificate for TLS stays as it is", "error", err)
}

// readFiles takes the administrator's files if they have changed. It says once
// what is wrong with them.
func (c *certificates) readFiles() error {
	now := stamp(c.self.TLSCert) + " " + stamp(c.self.TLSKey)
	if now == c.tried {
		return nil
	}
	c.tried = now
	pair, err := readPair(c.self.TLSCert, c.self.TLSKey)
	if err != nil {
		return err
	}
	c.use(&shown{Certificate: pair, source: c.self.TLSCert})
	return nil
}

// stamp changes with a file's content.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d %s", path, info.Size(), info.ModTime())
}

// readPair reads a certificate with those of its issuers, and its key. Errors
// name the files and never what is in them.
func readPair(certificate, key string) (tls.Certificate, error) {
	public, err := os.ReadFile(certificate) //nolint:gosec // the administrator's
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate: %w; give --tls-cert a PEM file that this account may read, or `system`", err)
	}
	private, err := os.ReadFile(key) //nolint:gosec // the administrator's
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate's key: %w", err)
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate %s and its key %s: %w", certificate, key, err)
	}
	return pair, nil
}

// use shows another certificate from now on.
func (c *certificates) use(s *shown) {
	c.shown.Store(s)
	c.said = ""
	from := "the system's own authority"
	if s.source != "" {
		from = s.source
	}
	c.events.Add("certificate", "TLS: a certificate of %s is in use, good until %s", from, s.Leaf.NotAfter.UTC().Format(time.DateOnly))
	if time.Now().After(s.Leaf.NotAfter) {
		c.log.Warn("the certificate for TLS has expired: phones that check it cannot connect", "file", s.source, "expired", s.Leaf.NotAfter)
	}
}

// reload has the files read again now.
func (c *certificates) reload() {
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// describe answers `carillon certificate`.
func (c *certificates) describe() admin.Certificate {
	fingerprint := link.CertificateFingerprint(c.root.Raw)
	told := admin.Certificate{
		Authority:   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.root.Raw})),
		Fingerprint: fingerprint, Names: []string{},
	}
	s := c.shown.Load()
	if s == nil {
		return told
	}
	told.File, told.Expires = s.source, s.Leaf.NotAfter.UTC()
	told.Names = append(told.Names, s.Leaf.DNSNames...)
	for _, ip := range s.Leaf.IPAddresses {
		told.Names = append(told.Names, ip.String())
	}
	return told
}

// Reload has the node read again the files that it was given.
func (n *Node) Reload() { n.shown.reload() }
