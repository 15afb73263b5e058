package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
)

// freeAddress returns a loopback address whose port 5060 nobody uses.
func freeAddress(t *testing.T) netip.Addr {
	t.Helper()
	for range 100 {
		a := netip.AddrFrom4([4]byte{127, byte(128 + rand.IntN(64)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
		l, err := net.Listen("tcp", netip.AddrPortFrom(a, 5060).String())
		if err == nil {
			_ = l.Close()
			return a
		}
	}
	t.Fatal("no free address")
	return netip.Addr{}
}

func options(t *testing.T) Options {
	t.Helper()
	return Options{Data: filepath.Join(t.TempDir(), "data"), Listen: freeAddress(t), Logger: slog.New(slog.DiscardHandler), health: time.Second}
}

// running runs a node until the test ends.
func running(t *testing.T, o Options) *admin.Client {
	t.Helper()
	n, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if e := errors.Join(<-done, n.Close()); e != nil {
			t.Errorf("stopping: %v", e)
		}
	})
	return admin.NewClient(o.Data)
}

func TestSeveralNodesInOneProcess(t *testing.T) {
	for i := range 3 {
		o := options(t)
		o.Name = fmt.Sprintf("node%d", i)
		status, err := running(t, o).Status(t.Context())
		if err != nil || status.Name != o.Name || status.Role != RoleMain || status.Mode != "cluster" || status.Site != firstSite {
			t.Errorf("got %+v, %v", status, err)
		}
	}
}

func TestFoundingIsToldOnce(t *testing.T) {
	o := options(t)
	var told []Founding
	o.Founded = func(f Founding) error { told = append(told, f); return nil }
	for range 2 {
		n, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err = n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 1 || len(told[0].Users) != 2 || told[0].Domain != firstDomain {
		t.Errorf("got %+v", told)
	}
}

func TestFoundingThatNobodyHeardIsDoneAgain(t *testing.T) {
	o := options(t)
	var told []Founding
	o.Founded = func(f Founding) error { told = append(told, f); return errors.New("the pipe is broken") }
	if n, err := New(t.Context(), o); err == nil {
		_ = n.Close()
		t.Fatal("a founding that nobody heard has succeeded")
	}
	o.Founded = func(f Founding) error { told = append(told, f); return nil }
	n, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	if len(told) != 2 || told[0].Users[0] == told[1].Users[0] {
		t.Errorf("got %+v, want new passwords", told)
	}
}

func TestNewThatFailsLeavesNothingOpen(t *testing.T) {
	o := options(t)
	taken, err := net.Listen("tcp", netip.AddrPortFrom(o.Listen, 5060).String())
	if err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for range 3 {
		if _, err = New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is taken by another program") {
			t.Fatalf("got %v", err)
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
	if err = taken.Close(); err != nil {
		t.Fatal(err)
	}
	running(t, o)
}

// openFiles counts the descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestASiteThatDoesNotExistFoundsNothing(t *testing.T) {
	o := options(t)
	o.Apply, o.Site = filepath.Join(t.TempDir(), "house.yaml"), "nowhere"
	if err := os.WriteFile(o.Apply, []byte("sites:\n  - {name: hq, networks: [127.0.0.0/8]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Founded = func(Founding) error { t.Error("the operator is told of a system"); return nil }
	if n, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("got %v, want an error that names the site", err)
		_ = n.Close()
	}
	o.Site, o.Founded = "hq", nil
	running(t, o)
}

func TestSiteOfANode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "house.yaml")
	text := "sites:\n  - {name: hq, networks: [10.0.0.0/8]}\n  - {name: mons, networks: [127.0.0.0/8]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, site, want string }{
		{"as the operator says", "hq", "hq"},
		{"as its address says", "", "mons"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			o.Apply, o.Site = file, tt.site
			status, err := running(t, o).Status(t.Context())
			if err != nil || status.Site != tt.want {
				t.Errorf("got %+v, %v, want %s", status, err, tt.want)
			}
		})
	}
}
