package scenario

import (
	"net/netip"
	"regexp"
	"strings"
)

// names turns what changes from run to run into words that do not: the first
// tag seen is A, the next one B, and so on; addresses become the names of who
// has them; the domain is not written.
type names struct {
	domain  string
	seen    map[string]map[string]string // kind, value, word
	address map[string]string            // host:port, owner
	first   map[string]int               // version of each subscription
}

func newNames(domain string) *names {
	return &names{domain: domain, seen: map[string]map[string]string{}, address: map[string]string{}, first: map[string]int{}}
}

// owns tells that an address belongs to a phone or, as "*", to a node.
func (n *names) owns(owner string, a netip.AddrPort) { n.address[a.String()] = owner }

// word returns the word for a value of a kind (tag, branch, Call-ID...).
func (n *names) word(kind, value string) string {
	known := n.seen[kind]
	if known == nil {
		known = map[string]string{}
		n.seen[kind] = known
	}
	if known[value] == "" {
		known[value] = letters(len(known))
	}
	return known[value]
}

// letters counts A, B ... Z, AA, AB...
func letters(i int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if i >= len(alphabet) {
		return letters(i/len(alphabet)-1) + letters(i%len(alphabet))
	}
	return alphabet[i : i+1]
}

var (
	address = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+(:\d+)?\b`)
	token   = regexp.MustCompile(`sips?:([^@<>;,\s]+)@(\*\w*)`)
	secret  = regexp.MustCompile(`(?i)\b(tag|branch|nonce|cnonce|opaque|response|rport)=("?)([^";,>\s]+)("?)`)
	spaces  = regexp.MustCompile(`\s{2,}`)
)

// plain returns a header value with everything that changes replaced.
func (n *names) plain(header, value string) string {
	if strings.EqualFold(header, "Call-ID") {
		return n.word("Call-ID", value)
	}
	value = strings.ReplaceAll(value, "@"+n.domain, "@")
	value = address.ReplaceAllStringFunc(value, n.owner)
	value = token.ReplaceAllStringFunc(value, func(s string) string {
		m := token.FindStringSubmatch(s)
		return "sip:" + n.word("token", m[1]) + "@" + m[2]
	})
	value = secret.ReplaceAllStringFunc(value, func(s string) string {
		m := secret.FindStringSubmatch(s)
		kind := strings.ToLower(m[1])
		if kind == "rport" {
			return "rport"
		}
		return m[1] + "=" + m[2] + n.word(kind, m[3]) + m[4]
	})
	if strings.EqualFold(header, "Subscription-State") {
		value = lasts.ReplaceAllString(value, "expires")
	}
	value = localUser.ReplaceAllString(value, "$1")
	value = strings.ReplaceAll(value, "sip:", "")
	return spaces.ReplaceAllString(value, " ")
}

// lasts is how long a subscription goes on, which is less each second.
var lasts = regexp.MustCompile(`expires=\d+`)

// localUser is a user of our domain in its shortest form: <sip:bob@> is bob.
var localUser = regexp.MustCompile(`<sip:([\w.+*-]*)@?>`)

func (n *names) owner(a string) string {
	if who := n.address[a]; who != "" {
		return who
	}
	host, port, _ := strings.Cut(a, ":")
	if port == "" {
		for full, who := range n.address {
			if strings.HasPrefix(full, host+":") && strings.HasPrefix(who, "*") {
				return who
			}
		}
		return host
	}
	return host + ":" + n.word("port", port)
}
