package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// The roles of a node.
const (
	RoleMain      = "main"      // decides with the other mains, holds everything
	RoleLifeguard = "lifeguard" // stands at a site and goes on alone
	RoleWitness   = "witness"   // only votes
)

// Options is what a node must be told. Data and Logger are required; what is
// left out is as it was at the last start, or a default at the first.
type Options struct {
	Data   string     // its directory; created if need be
	Name   string     // default: the short name of the host
	Role   string     // default: RoleMain
	Site   string     // default: the site whose networks contain Listen, else the first
	Listen netip.Addr // zero: all addresses
	Port   uint16     // of SIP; 0: 5060
	First  bool       // the operator means to found a system
	Join   string     // a main of the system to join, HOST:PORT (see ParseSeed); ignored where a node lives
	Token  string     // what lets the node join
	Apply  string     // a configuration file to put in force before anything is served
	Logger *slog.Logger

	// DNS is where questions about the domain are answered, ADDRESS or ADDRESS:PORT,
	// or "off".
	DNS string
	// DHCP is the interface on which DHCP is answered, from the pools that the
	// configuration has for the site, or "off".
	DHCP string
	// Metrics is where Prometheus is answered, ADDRESS:PORT, or "off".
	Metrics string
	// API is where programs ask over HTTPS while there are tokens for them, ADDRESS or
	// ADDRESS:PORT, or "off"; at first it is port 8080 of Listen.
	API string
	// Trace is how many MB of SIP messages are remembered; 0 is as before, at
	// first 8, and a negative number none.
	Trace int

	// TLSCert and TLSKey are the files of the certificate that phones are shown,
	// and of its key; "system" is again the one that the system issues itself.
	TLSCert, TLSKey string

	// Version is what other nodes show of this program.
	Version string

	// Founded is called once in the life of a system, by New, with what its
	// operator must know and nobody can ask for later; its error ends New, and
	// the next start founds again. May be nil.
	Founded func(Founding) error

	health time.Duration    // before a node gets a vote; 0: firstHealth
	clock  func() time.Time // nil: time.Now
}

const (
	firstTrace = 8 // MB
	mostTrace  = 4096
)

// systemCertificate stands for no files.
const systemCertificate = "system"

// off is the address that nobody listens on.
const off = "off"

// parseMetrics reads an address to answer Prometheus at; the zero AddrPort is
// none.
func parseMetrics(text string) (netip.AddrPort, error) {
	if text == "" || text == off {
		return netip.AddrPort{}, nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("--metrics takes an IP address of this machine and a port, as 127.0.0.1:9464, or off, not %q", text)
	}
	return at, nil
}

// validateServices says what no service could be.
func (o Options) validateServices() error {
	if _, err := parseMetrics(o.Metrics); err != nil {
		return err
	}
	if _, err := parseAPI(o.API, netip.Addr{}); err != nil {
		return err
	}
	if o.DHCP != "" && o.DHCP != off && o.Role == RoleWitness {
		return errors.New("a witness is not for phones: give --dhcp to a main or a LifeGUARD")
	}
	at, err := parseDNS(o.DNS)
	if err == nil && at.IsValid() && o.Role == RoleWitness {
		return errors.New("a witness is not for phones: give --dns to a main or a LifeGUARD")
	}
	return err
}

// dnsPort is where clients ask.
const dnsPort = 53

// parseDNS reads an address to answer DNS at; the zero AddrPort is none.
func parseDNS(text string) (netip.AddrPort, error) {
	if text == "" || text == off {
		return netip.AddrPort{}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, dnsPort), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("--dns takes an IP address of this machine, and a port if it is not 53, as 172.30.42.11 or 172.30.42.11:5353, or off, not %q", text)
	}
	return at, nil
}

// A Founding is how a new system begins.
type Founding struct {
	Node   string
	Listen netip.Addr // zero: all addresses
	Domain string
	Users  []Credential // none if a file was applied: its writer knows them
}

// Validate says what nobody could be. New calls it; a command line may do so
// earlier.
func (o Options) Validate() error {
	if o.Data == "" || o.Logger == nil {
		return errors.New("node: Data and Logger are required")
	}
	switch o.Role {
	case "", RoleMain, RoleLifeguard:
	case RoleWitness:
		if o.Apply != "" {
			return errors.New("a witness does not know the configuration: give --apply to a main")
		}
	default:
		return fmt.Errorf("%q is not a role: use %s, %s or %s", o.Role, RoleMain, RoleLifeguard, RoleWitness)
	}
	if err := o.validateServices(); err != nil {
		return err
	}
	if o.Trace > mostTrace {
		return fmt.Errorf("%d MB are too many to remember messages in: %d are the most", o.Trace, mostTrace)
	}
	if o.TLSCert != systemCertificate && (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together; `--tls-cert system` alone is the system's own certificate again")
	}
	if o.First && (o.Join != "" || o.Token != "") {
		return errors.New("--first founds a system and --join joins one: give one of them")
	}
	if o.Name != "" {
		return checkName(o.Name)
	}
	return nil
}
