package node

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"carillon/cluster"
	"carillon/store"
	"carillon/store/disk"
)

// keeping is a machine that keeps what it is given.
type keeping struct {
	cluster.Machine
	got []byte
}

func (k *keeping) Apply(_ uint64, command []byte) error { k.got = command; return nil }

func (k *keeping) MarshalBinary() ([]byte, error) { return k.got, nil }

func (k *keeping) UnmarshalBinary(b []byte) error { k.got = b; return nil }

// TestSealing: what one main seals another reads, and nobody else; what is
// not sealed is not read, for a witness carries it.
func TestSealing(t *testing.T) {
	main, err := newSealer([]byte("authority"))
	other, err2 := newSealer([]byte("another"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	secret := []byte("password of 301")
	command := main.seal(secret)
	if bytes.Contains(command, secret) || bytes.Equal(command, main.seal(secret)) {
		t.Error("it can be read, or told apart")
	}
	k := new(keeping)
	m := sealedMachine{k, main}
	if err = m.Apply(1, command); err != nil || !bytes.Equal(k.got, secret) {
		t.Errorf("got %q, %v", k.got, err)
	}
	snapshot, err := m.MarshalBinary()
	if err != nil || bytes.Contains(snapshot, secret) {
		t.Errorf("got %q, %v", snapshot, err)
	}
	if err = m.UnmarshalBinary(snapshot); err != nil || !bytes.Equal(k.got, secret) {
		t.Errorf("got %q, %v", k.got, err)
	}
	for name, b := range map[string][]byte{
		"another system's": other.seal(secret), "cut": command[:len(command)-1], "a byte": {sealed},
		"nothing": {}, "what a witness could write": secret,
	} {
		if err = m.Apply(2, b); !errors.Is(err, errSealed) {
			t.Errorf("%s: got %v, want %v", name, err, errSealed)
		}
		if err = m.UnmarshalBinary(b); !errors.Is(err, errSealed) {
			t.Errorf("%s as a snapshot: got %v, want %v", name, err, errSealed)
		}
	}
	if !bytes.Equal(k.got, secret) {
		t.Errorf("something came through: %q", k.got)
	}
}

// A tape is a log of sealed commands, which a witness has and may put in again.
type tape struct {
	machine  sealedMachine
	config   *disk.Config
	commands [][]byte
	before   func() // a proposal is there
}

func (p *tape) Propose(_ context.Context, command []byte) (uint64, error) {
	if before := p.before; before != nil {
		p.before = nil
		before()
	}
	p.commands = append(p.commands, command)
	index := uint64(len(p.commands))
	return index, p.machine.Apply(index, command)
}

// TestAWitnessPutsACommandInAgain: what was sealed once takes effect once, the
// commands of former versions too, and two mains that propose at once both have
// what they want.
func TestAWitnessPutsACommandInAgain(t *testing.T) {
	config, _ := agreed(t)
	s, err := newSealer([]byte("authority"))
	if err != nil {
		t.Fatal(err)
	}
	log := &tape{machine: sealedMachine{config.Config, s}, config: config.Config, commands: make([][]byte, config.Applied())}
	ready := false
	proposer := sealedProposer{
		proposer: log, sealer: s, view: config.View, turn: make(chan struct{}, 1), ready: func(context.Context) bool { return ready },
	}
	config.proposer = proposer
	at := func(name string, port uint16) store.SetNode {
		return store.SetNode{By: store.Author{Who: name}, Node: store.Node{Name: name, Role: RoleMain, Address: netip.AddrPortFrom(netip.MustParseAddr("127.77.1.9"), port), Certificate: "cc"}}
	}
	propose(t, config, at("stan", 1)) // as a former version does
	if config.View().IsOrdered() {
		t.Fatal("a main of a former version is there, and would not understand it")
	}
	ready = true
	propose(t, config, at("stan", 2))
	ready = false // they are silent: it is known already
	propose(t, config, at("stan", 3))
	hash := config.View().Hash()
	for i, command := range slices.Clone(log.commands) {
		if command == nil {
			continue
		}
		if _, err = log.Propose(t.Context(), command); err == nil {
			t.Errorf("command %d takes effect again", i+1)
		}
	}
	if n, _ := config.View().Node("stan"); n.Address.Port() != 3 || config.View().Hash() != hash {
		t.Errorf("it has brought back %v", n.Address)
	}
	other := proposer
	other.turn = make(chan struct{}, 1)
	log.before = func() {
		command, _ := store.EncodeChange(at("stan", 4))
		if _, err := other.Propose(t.Context(), command); err != nil {
			t.Errorf("another main, at once: %v", err)
		}
	}
	propose(t, config, at("stan", 5))
	if n, _ := config.View().Node("stan"); n.Address.Port() != 5 {
		t.Errorf("got %v", n.Address)
	}
}
