package file

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"carillon/store"
)

// Export returns view as a file. Applying it changes nothing: it has no
// password, and a user without one keeps his.
func Export(view *store.View) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "# Carillon configuration, revision %d. Passwords are never shown; a user without one keeps the old one.\n", view.Index())
	if view.Domain() != "" {
		fmt.Fprintf(&w, "domain: %s\n", scalar(view.Domain()))
	}
	c := view.Config()
	list(&w, "sites", c.Sites, writeSite)
	list(&w, "users", c.Users, writeUser)
	list(&w, "trunks", c.Trunks, writeTrunk)
	writeBrowsers(&w, c.Origins)
	writeDNS(&w, c.DNS)
	fmt.Fprintf(&w, "emergency: [%s]\n", quotedList(c.Emergency))
	writePresence(&w, view.Presence())
	fmt.Fprintf(&w, "pickup: %s\n", quoted(view.Pickup()))
	return w.Bytes()
}

func writeBrowsers(w *bytes.Buffer, origins []string) {
	fmt.Fprintf(w, "browsers: {origins: [%s]}\n", quotedList(origins))
}

// quotedList returns the elements of [...].
func quotedList(texts []string) string {
	all := make([]string, len(texts))
	for i, s := range texts {
		all[i] = quoted(s)
	}
	return strings.Join(all, ", ")
}

func writeDNS(w *bytes.Buffer, d store.DNS) {
	resolvers := make([]string, len(d.Resolvers))
	for i, r := range d.Resolvers {
		resolvers[i] = "{address: " + quoted(r.Address.String()) + "}"
		if r.Site != "" {
			resolvers[i] = "{address: " + quoted(r.Address.String()) + ", site: " + scalar(r.Site) + "}"
		}
	}
	forward := make([]string, len(d.Forward))
	for i, s := range d.Forward {
		forward[i] = quoted(store.ServerText(s))
	}
	fmt.Fprintf(w, "dns: {resolvers: [%s], forward: [%s]}\n", strings.Join(resolvers, ", "), strings.Join(forward, ", "))
}

func list[T any](w *bytes.Buffer, name string, all []T, write func(*bytes.Buffer, T)) {
	if len(all) == 0 {
		fmt.Fprintf(w, "%s: []\n", name)
		return
	}
	fmt.Fprintf(w, "%s:\n", name)
	for _, x := range all {
		write(w, x)
	}
}

func writeSite(w *bytes.Buffer, s store.Site) {
	fmt.Fprintf(w, "  - name: %s\n", scalar(s.Name))
	if len(s.Networks) > 0 {
		networks := make([]string, len(s.Networks))
		for i, p := range s.Networks {
			networks[i] = network(s, p)
		}
		fmt.Fprintf(w, "    networks: [%s]\n", strings.Join(networks, ", "))
	}
	if s.CallsTrusted {
		fmt.Fprintf(w, "    calls: trusted\n")
	}
	optional(w, "operator", quoted(s.Operator))
	if s.Homing != store.LocalFirst {
		optional(w, "homing", s.Homing)
	}
	if s.Survivable != store.Standard {
		optional(w, "survivable", s.Survivable)
	}
	if s.Budget != store.DefaultBudget {
		fmt.Fprintf(w, "    budget: %d kbit/s\n", s.Budget)
	}
	if s.Address.IsValid() {
		fmt.Fprintf(w, "    address: %s\n", inList(s.Address))
	}
	writePools(w, s.DHCP)
	optional(w, "country", quoted(s.Country))
	optional(w, "outside", quoted(s.Outside))
}

// inList returns p as an element of [...], where an IPv6 address needs quotes.
func inList(p netip.Prefix) string {
	if p.Addr().Is4() {
		return p.String()
	}
	return strconv.Quote(p.String())
}

func writeUser(w *bytes.Buffer, u store.User) {
	fmt.Fprintf(w, "  - number: %s\n", quoted(u.Number))
	optional(w, "name", scalar(u.Name))
	optional(w, "site", scalar(u.Site))
	if len(u.Direct) > 0 {
		fmt.Fprintf(w, "    direct: [%s]\n", quotedList(u.Direct))
	}
	if u.Roams {
		fmt.Fprintf(w, "    roams: yes\n")
	}
	if len(u.Lamps) > 0 {
		fmt.Fprintf(w, "    lamps: [%s]\n", quotedList(u.Lamps))
	}
	writeCalendar(w, u.Calendar)
	writeRules(w, u.Rules)
}

func writeTrunk(w *bytes.Buffer, t store.Trunk) {
	fmt.Fprintf(w, "  - {name: %s, site: %s, address: %s", scalar(t.Name), scalar(t.Site), quoted(t.Address))
	if t.Transport != store.UDP {
		fmt.Fprintf(w, ", transport: %s", t.Transport)
	}
	fmt.Fprint(w, "}\n")
}

// optional writes a field unless its value is empty.
func optional(w *bytes.Buffer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "    %s: %s\n", name, value)
	}
}

// scalar returns s as people would write it: with quotes only if it needs them.
func scalar(s string) string {
	plain := s != "" && isLetter(s[0]) && !strings.HasSuffix(s, " ") && !isKeyword(s)
	for i := range len(s) {
		plain = plain && (isLetter(s[i]) || '0' <= s[i] && s[i] <= '9' || strings.IndexByte(" .-_", s[i]) >= 0)
	}
	if plain {
		return s
	}
	return quoted(s)
}

// isKeyword reports whether YAML, in one version or another, takes s for
// something else than a text.
func isKeyword(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
		return true
	default:
		return false
	}
}

// quoted returns s in double quotes; nothing stays nothing. Only printable
// characters come here, so that these two are all that must be escaped.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
