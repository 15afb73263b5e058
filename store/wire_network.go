package store

import "net/netip"

type wireProfile struct {
	_          struct{} `cbor:",toarray"`
	Prefix     string
	Closed     bool
	Calls      string
	Transports []string
	MostPhones int
	MostCalls  int
	Location   string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireProfile) UnmarshalCBOR(b []byte) error {
	type plain wireProfile // without this method
	return decodeShort(b, (*plain)(w))
}

func toWireProfile(p Profile) wireProfile {
	return wireProfile{
		Prefix: p.Prefix.String(), Closed: p.Closed, Calls: p.Calls, Transports: notNil(p.Transports),
		MostPhones: p.MostPhones, MostCalls: p.MostCalls, Location: p.Location,
	}
}

func fromWireProfile(w wireProfile) (p Profile, err error) {
	p = Profile{
		Closed: w.Closed, Calls: w.Calls, Transports: w.Transports,
		MostPhones: w.MostPhones, MostCalls: w.MostCalls, Location: w.Location,
	}
	p.Prefix, err = netip.ParsePrefix(w.Prefix)
	return p, err
}
