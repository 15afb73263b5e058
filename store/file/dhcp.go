package file

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"carillon/store"
)

// pool reads what DHCP gives out on one network.
func (r *reader) pool(n ast.Node, at string) store.Pool {
	var p store.Pool
	for _, f := range r.mapping(n, at, "a pool", []string{"network", "range", "router", "lease", "reservations", "options", "vendors"}) {
		switch f.name {
		case "network":
			p.Network = r.prefix(f.value, f.path)
		case "range":
			p.First, p.Last = r.rangeOf(f)
		case "router":
			p.Router = r.ipv4(f)
		case "lease":
			p.Lease = r.duration(f)
		case "reservations":
			p.Reservations = each(r, f, r.reservation)
		case "options":
			p.Options = r.options(f)
		case "vendors":
			p.Vendors = each(r, f, r.vendor)
		}
	}
	return p
}

func (r *reader) reservation(n ast.Node, at string) store.Reservation {
	var x store.Reservation
	for _, f := range r.mapping(n, at, "a reservation", []string{"mac", "address"}) {
		switch f.name {
		case "mac":
			x.MAC = strings.ToLower(r.text(f))
			if m, err := net.ParseMAC(x.MAC); err == nil { // dashes and dots are fine too
				x.MAC = m.String()
			}
		case "address":
			x.Address = r.ipv4(f)
		}
	}
	return x
}

func (r *reader) vendor(n ast.Node, at string) store.Vendor {
	var x store.Vendor
	for _, f := range r.mapping(n, at, "a vendor", []string{"class", "options"}) {
		switch f.name {
		case "class":
			x.Class = r.text(f)
		case "options":
			x.Options = r.options(f)
		}
	}
	return x
}

// options reads options of DHCP by their numbers, each a value or a list.
func (r *reader) options(group entry) []store.DHCPOption {
	fields, ok := fieldsOf(group.value)
	if !ok {
		r.fault(group.value, group.path, "options are numbers with values, as {66: \"tftp://192.0.2.1\", 42: [192.0.2.1]}, and this is %s", kind(group.value))
		return nil
	}
	var all []store.DHCPOption
	for _, v := range fields {
		key := v.Key.GetToken()
		code, err := strconv.ParseUint(key.Value, 10, 8)
		if err != nil {
			r.faultAt(key.Position, group.path, "an option of DHCP is a number from 2 to 254, as 66")
			continue
		}
		f := entry{name: "option " + key.Value, path: join(group.path, key.Value), value: v.Value}
		all = append(all, store.DHCPOption{Code: uint8(code), Values: r.values(f)})
	}
	return all
}

func (r *reader) values(f entry) []string {
	if _, several := f.value.(*ast.SequenceNode); several {
		return each(r, f, func(n ast.Node, at string) string { return r.valueText(entry{name: f.name, path: at, value: n}) })
	}
	return []string{r.valueText(f)}
}

// valueText is text that may be a number too: nobody quotes the number of a VLAN.
func (r *reader) valueText(f entry) string {
	if isNumeral(f.value) {
		return f.value.GetToken().Value
	}
	return r.text(f)
}

func (r *reader) ipv4(f entry) netip.Addr {
	before := len(r.errs)
	s := r.text(f)
	a, err := netip.ParseAddr(s)
	if len(r.errs) == before && (err != nil || !a.Is4()) {
		r.fault(f.value, f.path, "%s is an IPv4 address like 192.0.2.1", f.name)
		return netip.Addr{}
	}
	return a
}

func (r *reader) rangeOf(f entry) (first, last netip.Addr) {
	before := len(r.errs)
	from, to, _ := strings.Cut(r.text(f), "-")
	first, err := netip.ParseAddr(strings.TrimSpace(from))
	last, err2 := netip.ParseAddr(strings.TrimSpace(to))
	if len(r.errs) == before && (err != nil || err2 != nil || !first.Is4() || !last.Is4()) {
		r.fault(f.value, f.path, "%s is its first and its last address, like 192.0.2.100-192.0.2.250", f.name)
		return netip.Addr{}, netip.Addr{}
	}
	return first, last
}

func (r *reader) duration(f entry) time.Duration {
	before := len(r.errs)
	if isNumeral(f.value) {
		r.fault(f.value, f.path, "%s needs a unit: write it like 8h or 30m", f.name)
		return 0
	}
	d, err := time.ParseDuration(r.text(f))
	if len(r.errs) == before && (err != nil || d <= 0) {
		r.fault(f.value, f.path, "%s is like 8h or 30m", f.name)
		return 0
	}
	return d
}

func writePools(w *bytes.Buffer, all []store.Pool) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "    dhcp:\n")
	for _, p := range all {
		writePool(w, p)
	}
}

func writePool(w *bytes.Buffer, p store.Pool) {
	fmt.Fprintf(w, "      - network: %s\n", p.Network)
	if p.First.IsValid() {
		fmt.Fprintf(w, "        range: %s-%s\n", p.First, p.Last)
	}
	if p.Router.IsValid() {
		fmt.Fprintf(w, "        router: %s\n", p.Router)
	}
	if p.Lease != store.DefaultLease {
		fmt.Fprintf(w, "        lease: %s\n", p.Lease)
	}
	if len(p.Reservations) > 0 {
		fmt.Fprintf(w, "        reservations:\n")
	}
	for _, x := range p.Reservations {
		fmt.Fprintf(w, "          - {mac: %s, address: %s}\n", quoted(x.MAC), x.Address)
	}
	if len(p.Options) > 0 {
		fmt.Fprintf(w, "        options: %s\n", optionsOf(p.Options))
	}
	if len(p.Vendors) > 0 {
		fmt.Fprintf(w, "        vendors:\n")
	}
	for _, x := range p.Vendors {
		fmt.Fprintf(w, "          - {class: %s, options: %s}\n", quoted(x.Class), optionsOf(x.Options))
	}
}

func optionsOf(all []store.DHCPOption) string {
	said := make([]string, len(all))
	for i, o := range all {
		values := make([]string, len(o.Values))
		for j, v := range o.Values {
			values[j] = quoted(v)
		}
		said[i] = fmt.Sprintf("%d: [%s]", o.Code, strings.Join(values, ", "))
	}
	return "{" + strings.Join(said, ", ") + "}"
}
