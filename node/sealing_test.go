package node

import (
	"bytes"
	"errors"
	"testing"

	"carillon/cluster"
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
