package store

import (
	"fmt"
	"net/netip"
	"time"
)

// wirePool is a [Pool]; an address that there is not is an empty text.
type wirePool struct {
	_            struct{} `cbor:",toarray"`
	Network      string
	First, Last  string
	Router       string
	Lease        int64 // seconds
	Reservations []wireReservation
	Options      []wireOption
	Vendors      []wireVendor
}

// UnmarshalCBOR reads what any version wrote.
func (w *wirePool) UnmarshalCBOR(b []byte) error {
	type plain wirePool // without this method
	return decodeShort(b, (*plain)(w))
}

type wireReservation struct {
	_       struct{} `cbor:",toarray"`
	MAC     string
	Address string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireReservation) UnmarshalCBOR(b []byte) error {
	type plain wireReservation // without this method
	return decodeShort(b, (*plain)(w))
}

type wireOption struct {
	_      struct{} `cbor:",toarray"`
	Code   uint8
	Values []string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireOption) UnmarshalCBOR(b []byte) error {
	type plain wireOption // without this method
	return decodeShort(b, (*plain)(w))
}

type wireVendor struct {
	_       struct{} `cbor:",toarray"`
	Class   string
	Options []wireOption
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireVendor) UnmarshalCBOR(b []byte) error {
	type plain wireVendor // without this method
	return decodeShort(b, (*plain)(w))
}

func toWirePool(p Pool) wirePool {
	p = p.withDefaults()
	return wirePool{
		Network: p.Network.String(), First: hostText(p.First), Last: hostText(p.Last), Router: hostText(p.Router),
		Lease: int64(p.Lease / time.Second),
		Reservations: notNil(each(p.Reservations, func(r Reservation) wireReservation {
			return wireReservation{MAC: r.MAC, Address: hostText(r.Address)}
		})),
		Options: notNil(each(p.Options, toWireOption)),
		Vendors: notNil(each(p.Vendors, func(v Vendor) wireVendor {
			return wireVendor{Class: v.Class, Options: notNil(each(v.Options, toWireOption))}
		})),
	}
}

func toWireOption(o DHCPOption) wireOption { return wireOption{Code: o.Code, Values: notNil(o.Values)} }

func fromWireOption(w wireOption) DHCPOption { return DHCPOption{Code: w.Code, Values: w.Values} }

func fromWirePools(all []wirePool) ([]Pool, error) {
	var pools []Pool
	for _, w := range all {
		p := Pool{Lease: time.Duration(w.Lease) * time.Second, Options: each(w.Options, fromWireOption)}
		n, err := netip.ParsePrefix(w.Network)
		if err != nil {
			return nil, fmt.Errorf("a pool: %w", err)
		}
		p.Network = n
		for _, a := range []struct {
			text string
			into *netip.Addr
		}{{w.First, &p.First}, {w.Last, &p.Last}, {w.Router, &p.Router}} {
			if *a.into, err = parseHost(a.text); err != nil {
				return nil, fmt.Errorf("the pool of %s: %w", n, err)
			}
		}
		for _, r := range w.Reservations {
			a, err := parseHost(r.Address)
			if err != nil {
				return nil, fmt.Errorf("the pool of %s: %w", n, err)
			}
			p.Reservations = append(p.Reservations, Reservation{MAC: r.MAC, Address: a})
		}
		for _, v := range w.Vendors {
			p.Vendors = append(p.Vendors, Vendor{Class: v.Class, Options: each(v.Options, fromWireOption)})
		}
		pools = append(pools, p.withDefaults())
	}
	return pools, nil
}

func hostText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func parseHost(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}
