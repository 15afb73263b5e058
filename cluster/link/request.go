package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/fxamacker/cbor/v2"
)

// A Request is what a node says when it asks to join.
type Request struct {
	Node    string
	Role    Role
	Site    string
	Address netip.AddrPort // of its cluster port
	Version string
	CSR     []byte // of NewRequest
}

// A Welcome is what a node gets when it joined.
type Welcome struct {
	Certificate []byte // its own (DER); Key.Identity takes it and Authority
	Authority   []byte // the authority's (DER); the port fills it in
	Payload     []byte // what else the caller has to say
}

// What a join may bring.
const (
	longestRequest = 16 << 10
	longestWelcome = 16 << 20
	longestWord    = 255
	longestCSR     = 4 << 10
)

type wireRequest struct {
	_ struct{} `cbor:",toarray"`

	Secret  [16]byte
	Node    string
	Role    string
	Site    string
	Address string
	Version string
	CSR     []byte
}

// A wireAnswer is a welcome, or a reason and whether to try again.
type wireAnswer struct {
	_ struct{} `cbor:",toarray"`

	Refused     bool
	Later       bool
	Reason      string
	Certificate []byte
	Authority   []byte
	Payload     []byte
}

func encodeRequest(r Request, secret [16]byte) ([]byte, error) {
	return cbor.Marshal(wireRequest{
		Secret: secret, Node: r.Node, Role: string(r.Role), Site: r.Site,
		Address: r.Address.String(), Version: r.Version, CSR: r.CSR,
	})
}

// decodeRequest reads a stranger's bytes.
func decodeRequest(b []byte) (Request, [16]byte, error) {
	var w wireRequest
	if err := decode(b, &w); err != nil {
		return Request{}, w.Secret, fmt.Errorf("reading a request to join: %w", err)
	}
	r := Request{Node: w.Node, Role: Role(w.Role), Site: w.Site, Version: w.Version, CSR: w.CSR}
	address, err := netip.ParseAddrPort(w.Address)
	if err != nil {
		return Request{}, w.Secret, fmt.Errorf("reading a request to join: %w", err)
	}
	r.Address = address
	if err = r.validate(); err != nil {
		return Request{}, w.Secret, fmt.Errorf("reading a request to join: %w", err)
	}
	return r, w.Secret, nil
}

func (r Request) validate() error {
	if err := checkName(r.Node); err != nil {
		return err
	}
	switch {
	case !r.Role.valid():
		return errors.New("there is no such role")
	case !printable(r.Site) || !printable(r.Version):
		return errors.New("site and version are short words")
	case len(r.CSR) == 0 || len(r.CSR) > longestCSR:
		return errors.New("there is no request for a certificate")
	}
	return nil
}

func printable(word string) bool {
	for _, c := range word {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return false
		}
	}
	return len(word) <= longestWord
}

func decode(b []byte, into any) error {
	mode, err := cbor.DecOptions{
		MaxNestedLevels: 4, MaxArrayElements: 16, MaxMapPairs: 16,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(b, into)
}

// writeFrame and readFrame carry one block with its length before it.
func writeFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...)) //nolint:gosec // bounded by the callers
	return err
}

func readFrame(r io.Reader, longest int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if uint64(size) > uint64(longest) { //nolint:gosec // longest is a constant
		return nil, fmt.Errorf("%d bytes are too many", size)
	}
	return readExactly(r, int(size))
}

// readExactly takes memory as bytes arrive, not as they are announced.
func readExactly(r io.Reader, size int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err == nil && len(b) < size {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
