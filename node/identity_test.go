package node

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCleanName(t *testing.T) {
	tests := []struct{ in, want string }{
		{"laurel", "laurel"},
		{"Laurel", "laurel"},
		{"my_host 2", "my-host-2"},
		{"-x-", "x"},
		{"été", "t"},
		{"...", ""},
		{strings.Repeat("x", 80), strings.Repeat("x", 63)},
		{strings.Repeat("x", 62) + "-y", strings.Repeat("x", 62)},
	}
	for _, tt := range tests {
		got := cleanName(tt.in)
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if (checkName(got) == nil) != (got != "") {
			t.Errorf("%q is not clean: %v", got, checkName(got))
		}
	}
	if checkName(defaultName()) != nil {
		t.Errorf("%q is not a name", defaultName())
	}
}

func TestIdentityRemembers(t *testing.T) {
	d := &directory{path: t.TempDir()}
	first, err := loadIdentity(d, Options{Name: "laurel", Listen: netip.MustParseAddr("127.0.0.2")})
	if err != nil {
		t.Fatal(err)
	}
	first.Founded = time.Now()
	if err = first.save(d); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		o    Options
		want string // in the error
	}{
		{"no flag", Options{}, ""},
		{"the same flags", Options{Name: "laurel", Role: RoleMain, First: true}, ""},
		{"another address", Options{Listen: netip.MustParseAddr("127.0.0.3")}, ""},
		{"all addresses", Options{Listen: netip.IPv4Unspecified()}, ""},
		{"another name", Options{Name: "hardy"}, `belongs to node "laurel"`},
		{"another role", Options{Role: RoleWitness}, "whose role is main, not witness"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loadIdentity(d, tt.o)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			listen := first.Listen
			if tt.o.Listen.IsValid() {
				listen = one(tt.o.Listen)
			}
			if err != nil || got.Name != "laurel" || got.Listen != listen || !bytes.Equal(got.Key, first.Key) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestUnfinishedFoundingStartsOver(t *testing.T) {
	d := &directory{path: t.TempDir()}
	first, err := loadIdentity(d, Options{Name: "laurel"})
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(d.path, "config.db")
	if err = os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := loadIdentity(d, Options{Name: "hardy"})
	if err != nil || second.Name != "hardy" || bytes.Equal(first.Key, second.Key) {
		t.Errorf("got %+v, %v", second, err)
	}
	if _, err = os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("a database was left: %v", err)
	}
}

func TestDamagedIdentity(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": `{"name":"lau`, "without a key": `{"name":"laurel"}`} {
		t.Run(name, func(t *testing.T) {
			d := &directory{path: t.TempDir()}
			if err := d.writeFile(identityName, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, err := loadIdentity(d, Options{}); err == nil || !strings.Contains(err.Error(), "reading node.json") {
				t.Errorf("got %v", err)
			}
		})
	}
}
