package store

import (
	"fmt"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The version of the encodings of Config and Change. A node that meets a later
// one stops with a clear error: it must not guess what others agreed on.
// Version 2 added nodes and tokens to the Config, version 3 origins, version 4 the
// budget of a site, version 5 keys, version 6 what sites survive by, profiles of networks,
// users who roam and nodes that are drained.
const encodingVersion = 6

// An envelope is what the log and the disk hold: CBOR [version, tag, body].
type envelope struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Tag     string
	Body    cbor.RawMessage
}

const tagConfig = "config"

// EncodeConfig returns c in the one form that its content has.
func EncodeConfig(c Config) ([]byte, error) {
	return encode(tagConfig, wireConfig{
		Domain: c.Domain, Sites: notNil(each(c.Sites, toWireSite)),
		Users: notNil(each(c.Users, toWireUser)), Trunks: notNil(each(c.Trunks, toWireTrunk)),
		Nodes: notNil(each(c.Nodes, toWireNode)), Tokens: notNil(each(c.Tokens, toWireToken)), Revoked: notNil(each(c.Revoked, toWireRevoked)),
		Origins: notNil(c.Origins), Keys: notNil(each(c.Keys, toWireKey)),
		DNS: toWireDNS(c.DNS), Emergency: notNil(c.Emergency), Closed: c.Closed, Ordered: c.Ordered, Presence: toWirePresence(c.Presence),
		APITokens: notNil(each(c.APITokens, toWireAPIToken)),
		Pickup:    c.Pickup,
	})
}

// DecodeConfig reads what EncodeConfig wrote.
func DecodeConfig(b []byte) (Config, error) {
	c, err := decodeConfig(b)
	if err != nil {
		return Config{}, fmt.Errorf("reading a configuration: %w", err)
	}
	return c, nil
}

func decodeConfig(b []byte) (Config, error) {
	e, err := open(b)
	if err == nil && e.Tag != tagConfig {
		err = fmt.Errorf("found %q", clip(e.Tag))
	}
	if err != nil {
		return Config{}, err
	}
	var w wireConfig
	if err = decodeShort(e.Body, &w); err != nil {
		return Config{}, err
	}
	sites, err := fromWireSites(w.Sites)
	if err != nil {
		return Config{}, err
	}
	nodes, err := fromWireNodes(w.Nodes)
	if err != nil {
		return Config{}, err
	}
	keys, err := fromWireKeys(w.Keys)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Domain: w.Domain, Sites: sites,
		Users: each(w.Users, fromWireUser), Trunks: each(w.Trunks, fromWireTrunk),
		Nodes: nodes, Tokens: each(w.Tokens, fromWireToken), Revoked: each(w.Revoked, fromWireRevoked), Origins: w.Origins,
		Keys: keys, DNS: fromWireDNS(w.DNS), Emergency: w.Emergency, Closed: w.Closed, Ordered: w.Ordered, Presence: fromWirePresence(w.Presence),
		APITokens: each(w.APITokens, fromWireAPIToken),
		Pickup:    w.Pickup,
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

func open(b []byte) (envelope, error) {
	var e envelope
	if err := decode(b, &e); err != nil {
		return e, err
	}
	if e.Version < 1 || e.Version > encodingVersion {
		return e, fmt.Errorf("version %d is unknown: it comes from a newer carillon", e.Version)
	}
	return e, nil
}

func decode(b []byte, into any) error {
	mode, err := cbor.DecOptions{MaxArrayElements: 1 << 20, MaxNestedLevels: 16}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(b, into)
}

// decodeShort reads a CBOR array into a struct that is written as one. What a
// version wrote that had fewer fields is read as if the others were empty.
func decodeShort[W any](b []byte, into *W) error {
	var parts []cbor.RawMessage
	if err := decode(b, &parts); err != nil {
		return err
	}
	fields := reflect.TypeFor[W]().NumField() - 1 // the first says that it is an array
	if len(parts) >= fields {
		return decode(b, into)
	}
	for len(parts) < fields {
		parts = append(parts, cbor.RawMessage{null})
	}
	padded, err := cbor.Marshal(parts)
	if err != nil {
		return err
	}
	return decode(padded, into)
}

const null = 0xf6 // in CBOR

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
