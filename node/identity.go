package node

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const identityName = "node.json"

// An identity is what a node keeps about itself: who it is, what the operator
// told it, and its secret.
type identity struct {
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Site    string     `json:"site,omitempty"`
	Listen  netip.Addr `json:"listen,omitzero"`    // zero: all addresses
	Metrics string     `json:"metrics,omitempty"`  // where Prometheus is answered
	DNS     string     `json:"dns,omitempty"`      // where DNS is answered
	API     string     `json:"api,omitempty"`      // where programs ask
	DHCP    string     `json:"dhcp,omitempty"`     // the interface on which DHCP is answered
	Trace   int        `json:"trace,omitempty"`    // MB of messages; 0: firstTrace, negative: none
	TLSCert string     `json:"tls_cert,omitempty"` // the administrator's files; none: the authority issues one
	TLSKey  string     `json:"tls_key,omitempty"`
	Key     []byte     `json:"key"` // 32 bytes; seals nonces and tokens; the same at all nodes of a system
	// Founded is when the first configuration stood, or the node had joined.
	// While it is zero neither has been finished, and the next start does it again.
	Founded time.Time `json:"founded,omitzero"`

	Joining     []byte  `json:"joining,omitempty"`     // the key that it asks to join with, while it does
	JoiningBy   string  `json:"joining_by,omitempty"`  // the hash of the token that it shows with it
	NextKey     []byte  `json:"next_key,omitempty"`    // the key that is to follow that of Certificate
	Certificate []byte  `json:"certificate,omitempty"` // with its key and the authority's certificate
	Authority   []byte  `json:"authority,omitempty"`   // with its key; the mains alone have it
	Epoch       uint64  `json:"epoch,omitempty"`       // which life of its name this node is
	Incarnation uint64  `json:"incarnation,omitempty"` // the last life of what it says about itself
	Mains       []place `json:"mains,omitempty"`       // whom it met when it joined

	newFiles bool // TLSCert and TLSKey are not those of the last start
}

// A place is where a node can be reached.
type place struct {
	Node    string         `json:"node"`
	Address netip.AddrPort `json:"address"`
}

// live begins another life of what this node says about itself: a later start
// has a greater number, and so has a node that takes over a name. It must be on
// disk before anybody hears of it.
func (i *identity) live() { i.Incarnation = max(i.Incarnation, i.Epoch<<32) + 1 }

// loadIdentity returns the identity in d brought up to date with what the
// operator says now. What is new is not written down before the node has come
// up with it, so that a wrong flag is not remembered.
//
// Where no founding was finished, it starts over.
func loadIdentity(d *directory, o Options) (identity, error) {
	have, err := readIdentity(d)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && have.Founded.IsZero():
		if o.Role != "" && o.Role != RoleMain {
			return have, fmt.Errorf("a %s joins a system that exists: give it --join and --token", o.Role)
		}
		return beginIdentity(d, o)
	case err != nil:
		return have, err
	}
	return have, have.take(d.path, o)
}

// beginIdentity makes a new identity. It is on disk before anything else is:
// it says whose the directory is.
func beginIdentity(d *directory, o Options) (identity, error) {
	if err := d.removeDatabases(); err != nil {
		return identity{}, err
	}
	have, err := newIdentity(o)
	if err != nil {
		return have, err
	}
	return have, have.save(d)
}

func readIdentity(d *directory) (identity, error) {
	var have identity
	text, err := d.readFile(identityName)
	if err != nil {
		return have, err
	}
	if err = json.Unmarshal(text, &have); err != nil {
		return have, fmt.Errorf("reading %s: %w", identityName, err)
	}
	if len(have.Key) != 32 || checkName(have.Name) != nil {
		return have, fmt.Errorf("reading %s: it is damaged; restore it from a copy", identityName)
	}
	return have, nil
}

func newIdentity(o Options) (identity, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	name := o.Name
	if name == "" {
		name = defaultName()
	}
	if err := checkName(name); err != nil {
		return identity{}, err
	}
	role := o.Role
	if role == "" {
		role = RoleMain
	}
	have := identity{Name: name, Role: role, Key: key}
	err := have.take("", o)
	return have, err
}

// one returns a if it is one address: the unspecified ones stand for all, which
// is what the zero Addr says.
func one(a netip.Addr) netip.Addr {
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap()
}

// take remembers what the operator says. A name is for ever; a role changes
// by joining; the rest may change from start to start.
func (i *identity) take(dir string, o Options) error {
	if o.Name != "" && o.Name != i.Name {
		return fmt.Errorf("%s belongs to node %q: leave --name out, or start %q with a --data of its own", dir, i.Name, o.Name)
	}
	if o.Role != "" && o.Role != i.Role {
		return fmt.Errorf("%s belongs to a node whose role is %s, not %s", dir, i.Role, o.Role)
	}
	if o.Site != "" {
		i.Site = o.Site
	}
	if o.Listen.IsValid() {
		i.Listen = one(o.Listen)
	}
	if o.Metrics != "" {
		i.Metrics = o.Metrics
	}
	if o.DNS != "" {
		i.DNS = o.DNS
	}
	if o.API != "" {
		i.API = o.API
	}
	if o.DHCP != "" {
		i.DHCP = o.DHCP
	}
	if o.Trace != 0 {
		i.Trace = o.Trace
	}
	return i.takeFiles(o)
}

// takeFiles remembers where the certificate for phones is, wherever this process
// was started.
func (i *identity) takeFiles(o Options) error {
	switch o.TLSCert {
	case "":
		return nil
	case systemCertificate:
		i.TLSCert, i.TLSKey = "", ""
		return nil
	}
	certificate, err := filepath.Abs(o.TLSCert)
	if err != nil {
		return err
	}
	key, err := filepath.Abs(o.TLSKey)
	if err != nil {
		return err
	}
	i.newFiles = certificate != i.TLSCert || key != i.TLSKey
	i.TLSCert, i.TLSKey = certificate, key
	return nil
}

// traceBytes is how much memory messages may take.
func (i *identity) traceBytes() int {
	if i.Trace == 0 {
		return firstTrace << 20
	}
	return max(0, i.Trace) << 20
}

// changeIdentity changes what is on disk, while the node runs.
func (d *directory) changeIdentity(f func(*identity)) error {
	d.identity.Lock()
	defer d.identity.Unlock()
	have, err := readIdentity(d)
	if err != nil {
		return err
	}
	f(&have)
	return have.save(d)
}

func (i *identity) save(d *directory) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	if have, _ := d.readFile(identityName); string(have) == string(text) {
		return nil
	}
	if err = d.writeFile(identityName, text); err != nil {
		return fmt.Errorf("writing %s: %w", identityName, err)
	}
	return nil
}

// longestName is what a label of a domain name holds: names of nodes become
// names of hosts.
const longestName = 63

func checkName(name string) error {
	if name == "" || name != cleanName(name) {
		return fmt.Errorf("%q cannot be the name of a node: use up to %d lower-case letters, digits and hyphens", name, longestName)
	}
	return nil
}

// defaultName makes a node's name of the host's.
func defaultName() string {
	host, err := os.Hostname()
	if err != nil {
		return "carillon"
	}
	short, _, _ := strings.Cut(host, ".")
	if name := cleanName(short); name != "" {
		return name
	}
	return "carillon"
}

// cleanName returns the nearest thing to s that a node can be called.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case r == '-', r == '_', r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(s))
	s = s[:min(len(s), longestName)]
	return strings.Trim(s, "-")
}
