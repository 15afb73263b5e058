package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"carillon/cluster/link"
	"carillon/store"
)

// certificateName is the file that keeps what the authority has issued for
// phones, with its key.
const certificateName = "tls.pem"

const (
	mostAddresses = 64                   // that a certificate is for
	retryIssuing  = time.Hour            // when what was issued is not all that was asked for
	spareTime     = 130 * 24 * time.Hour // left of a certificate that is good enough
)

// askCertificate is the question for a certificate for phones.
const askCertificate = "certificate"

// A certificateQuestion asks a main for one.
type certificateQuestion struct {
	Request   []byte       `json:"request"`
	Addresses []netip.Addr `json:"addresses"`
}

// renew has the authority issue a certificate if there is none, or it does not
// name what phones call this node, or it has not long to go.
func (c *certificates) renew(ctx context.Context) error {
	if c.config.View().Index() == 0 {
		return nil // nobody knows the domain yet
	}
	names, addresses := c.names(c.self.Name), c.addresses()
	s := c.shown.Load()
	wanted := fmt.Sprint(names, addresses)
	if s != nil && (isGood(s.Leaf, names, addresses) || wanted == c.asked && time.Since(c.at) < retryIssuing) {
		return nil
	}
	issued, err := c.issue(ctx, names, addresses)
	if err != nil {
		return err
	}
	c.asked, c.at = wanted, time.Now()
	c.use(issued)
	return nil
}

// names are what a node is called.
func (c *certificates) names(node string) []string {
	domain := c.config.View().Domain()
	return []string{domain, node, node + "." + domain}
}

// addresses are those by which phones may call this node: its own, and that which
// it shares, whether it holds it now or not.
func (c *certificates) addresses() []netip.Addr {
	own, shared := ownAddresses(c.self.Listen), serviceAddress(c.config.View(), c.node()).Addr()
	if !shared.IsValid() {
		return own
	}
	return append(slices.DeleteFunc(own, func(a netip.Addr) bool { return a == shared }), shared)
}

// node is this one as the View has it.
func (c *certificates) node() store.Node {
	n, known := c.config.View().Node(c.self.Name)
	if !known {
		n = store.Node{Name: c.self.Name, Role: c.self.Role, Site: c.self.Site}
	}
	return n
}

// ownAddresses are those of this machine that phones may use.
func ownAddresses(listen netip.Addr) []netip.Addr {
	if listen.IsValid() {
		return []netip.Addr{listen.WithZone("")}
	}
	all, _ := net.InterfaceAddrs() // none is better than an end
	var found []netip.Addr
	for _, x := range all {
		p, err := netip.ParsePrefix(x.String())
		if err == nil && !p.Addr().IsLinkLocalUnicast() {
			found = append(found, p.Addr().Unmap())
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found[:min(len(found), mostAddresses)]
}

// isGood reports whether a certificate names all that it should, and has time
// left.
func isGood(leaf *x509.Certificate, names []string, addresses []netip.Addr) bool {
	for _, name := range names {
		if !slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return false
		}
	}
	for _, a := range addresses {
		if !slices.ContainsFunc(leaf.IPAddresses, net.IP(a.AsSlice()).Equal) {
			return false
		}
	}
	return time.Until(leaf.NotAfter) > spareTime
}

// restore takes the certificate of the last start, if the authority is the same.
func (c *certificates) restore() {
	text, err := c.dir.readFile(certificateName)
	if err != nil {
		return
	}
	pair, err := tls.X509KeyPair(text, text)
	if err == nil && pair.Leaf.CheckSignatureFrom(c.root) == nil {
		c.shown.Store(&shown{Certificate: pair})
	}
}

// issue makes a key and has the authority sign for it, here or at a main.
func (c *certificates) issue(ctx context.Context, names []string, addresses []netip.Addr) (*shown, error) {
	key, request, err := link.NewRequest(c.self.Name)
	if err != nil {
		return nil, err
	}
	var certificate []byte
	if c.authority != nil {
		certificate, err = c.authority.IssueServing(request, names, addresses)
	} else {
		certificate, err = c.ask(ctx, certificateQuestion{Request: request, Addresses: addresses})
	}
	if err != nil {
		return nil, err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), key.Marshal()...)
	pair, err := tls.X509KeyPair(text, text)
	if err == nil {
		err = pair.Leaf.CheckSignatureFrom(c.root)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the certificate that was issued: %w", err)
	}
	return &shown{Certificate: pair}, c.dir.writeFile(certificateName, text)
}

// ask asks the mains in turn.
func (c *certificates) ask(ctx context.Context, q certificateQuestion) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	err = errors.New("no main is known here")
	for _, main := range c.peers.mains() {
		var answer []byte
		if answer, err = c.peers.ask(ctx, main, askCertificate, body); err == nil {
			return answer, nil
		}
	}
	return nil, fmt.Errorf("no main issues a certificate for phones: %w", err)
}

// answer issues a certificate for another node: for its own names, and for
// addresses that no other node has.
func (c *certificates) answer(_ context.Context, from link.Peer, body []byte) ([]byte, error) {
	var q certificateQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	others := c.config.View().Nodes()
	var own []netip.Addr
	for _, a := range q.Addresses[:min(len(q.Addresses), mostAddresses)] {
		isOthers := func(n store.Node) bool { return n.Name != from.Node && n.Address.Addr() == a.Unmap() }
		if a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !slices.ContainsFunc(others, isOthers) {
			own = append(own, a.Unmap().WithZone(""))
		}
	}
	return c.authority.IssueServing(q.Request, c.names(from.Node), own)
}
