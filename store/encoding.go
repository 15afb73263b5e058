package store

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The version of the encodings of Config and Change. A node that meets a later
// one stops with a clear error: it must not guess what others agreed on.
const encodingVersion = 1

// The tags of the encoded Changes.
const tagReplace = "replace"

// An envelope is what the log and the disk hold: CBOR [version, tag, body].
type envelope struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Tag     string
	Body    cbor.RawMessage
}

// EncodeChange returns c as the log carries it.
func EncodeChange(c Change) ([]byte, error) {
	switch c := c.(type) {
	case Replace:
		return encode(tagReplace, wireReplace{
			Who: c.By.Who, At: unixMilli(c.By.At), Exact: c.Exact, Realm: c.Realm, Domain: c.Domain,
			Sites: each(c.Sites, toWireSite), Users: each(c.Users, toWireUser), Trunks: each(c.Trunks, toWireTrunk),
		})
	default:
		return nil, fmt.Errorf("a change of type %T has no encoding", c)
	}
}

// DecodeChange reads what EncodeChange wrote.
func DecodeChange(b []byte) (Change, error) {
	tag, body, err := open(b)
	if err != nil {
		return nil, fmt.Errorf("reading a change: %w", err)
	}
	switch tag {
	case tagReplace:
		return decodeReplace(body)
	default:
		return nil, fmt.Errorf("reading a change: its type %q is unknown: it comes from a newer carillon", clip(tag))
	}
}

func decodeReplace(body []byte) (Change, error) {
	var w wireReplace
	if err := decode(body, &w); err != nil {
		return nil, fmt.Errorf("reading a change: %w", err)
	}
	sites, err := fromWireSites(w.Sites)
	if err != nil {
		return nil, fmt.Errorf("reading a change: %w", err)
	}
	return Replace{
		By: Author{Who: w.Who, At: fromUnixMilli(w.At)}, Exact: w.Exact, Realm: w.Realm, Domain: w.Domain,
		Sites: sites, Users: each(w.Users, fromWireUser), Trunks: each(w.Trunks, fromWireTrunk),
	}, nil
}

// EncodeConfig returns c in the one form that its content has.
func EncodeConfig(c Config) ([]byte, error) {
	return encode("config", wireConfig{
		Domain: c.Domain, Sites: notNil(each(c.Sites, toWireSite)),
		Users: notNil(each(c.Users, toWireUser)), Trunks: notNil(each(c.Trunks, toWireTrunk)),
	})
}

// DecodeConfig reads what EncodeConfig wrote.
func DecodeConfig(b []byte) (Config, error) {
	var w wireConfig
	tag, body, err := open(b)
	if err == nil && tag != "config" {
		err = fmt.Errorf("found %q", clip(tag))
	}
	if err == nil {
		err = decode(body, &w)
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading a configuration: %w", err)
	}
	sites, err := fromWireSites(w.Sites)
	if err != nil {
		return Config{}, fmt.Errorf("reading a configuration: %w", err)
	}
	return Config{
		Domain: w.Domain, Sites: sites,
		Users: each(w.Users, fromWireUser), Trunks: each(w.Trunks, fromWireTrunk),
	}, nil
}

func encode(tag string, body any) ([]byte, error) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	b, err := mode.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", tag, err)
	}
	b, err = mode.Marshal(envelope{Version: encodingVersion, Tag: tag, Body: b})
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", tag, err)
	}
	return b, nil
}

func open(b []byte) (tag string, body []byte, err error) {
	var e envelope
	if err := decode(b, &e); err != nil {
		return "", nil, err
	}
	if e.Version != encodingVersion {
		return "", nil, fmt.Errorf("version %d is unknown: it comes from a newer carillon", e.Version)
	}
	return e.Tag, e.Body, nil
}

func decode(b []byte, into any) error {
	mode, err := cbor.DecOptions{MaxArrayElements: 1 << 20, MaxNestedLevels: 16}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(b, into)
}

// each returns f of every element; nil stays nil.
func each[A, B any](list []A, f func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for i, x := range list {
		out[i] = f(x)
	}
	return out
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromUnixMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
