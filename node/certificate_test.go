package node

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store"
)

// files writes a certificate of an administrator's own, and its key.
func files(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "mine.pem"), filepath.Join(dir, "mine.key")
	write(t, certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return certificate, key
}

// write replaces a file, and sees to it that its time is another.
func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// call opens a TLS connection to a node, without checking anything.
func call(t *testing.T, at netip.Addr) *tls.Conn {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(at, 5061).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*tls.Conn)
}

func shows(t *testing.T, at netip.Addr) *x509.Certificate {
	t.Helper()
	c := call(t, at)
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

// answers checks that a connection is alive.
func answers(t *testing.T, c *tls.Conn) {
	t.Helper()
	_, err := fmt.Fprintf(c, "OPTIONS sip:carillon.internal SIP/2.0\r\nVia: SIP/2.0/TLS %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:x@y>;tag=1\r\nTo: <sip:carillon.internal>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		c.LocalAddr(), time.Now().UnixNano(), time.Now().UnixNano())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, "SIP/2.0 200") {
		t.Fatalf("got %q, %v", line, err)
	}
}

func authorityOf(t *testing.T, c *admin.Client) (admin.Certificate, *x509.CertPool) {
	t.Helper()
	told, err := c.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(told.Authority)) || strings.Contains(told.Authority, "PRIVATE") {
		t.Fatalf("the authority is %q", told.Authority)
	}
	return told, roots
}

// A node has TLS from its first start, and the same certificate at the next.
func TestTLSByItself(t *testing.T) {
	o := options(t)
	o.Name = "laurel"
	var first []byte
	for range 2 {
		t.Run("start", func(t *testing.T) {
			told, roots := authorityOf(t, running(t, o))
			leaf := shows(t, o.Listen)
			for _, name := range []string{"carillon.internal", "laurel", "laurel.carillon.internal", o.Listen.String()} {
				if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
					t.Errorf("for %s: %v", name, err)
				}
				if !slices.Contains(told.Names, name) {
					t.Errorf("the node does not tell %s: %q", name, told.Names)
				}
			}
			if !told.Expires.Equal(leaf.NotAfter) || told.File != "" {
				t.Errorf("got %+v", told)
			}
			if first == nil {
				first = leaf.Raw
			} else if string(first) != string(leaf.Raw) {
				t.Error("the next start has another certificate")
			}
		})
	}
}

// A log that may be read while it is written.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// The administrator's files are shown, and others from the moment they are there
// and good; no connection notices.
func TestTLSOfFiles(t *testing.T) {
	t.Parallel()
	var out log
	o := options(t)
	o.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	o.TLSCert, o.TLSKey = files(t, dir, "one.test")
	c := running(t, o)
	if told, _ := authorityOf(t, c); told.File != o.TLSCert || !slices.Equal(told.Names, []string{"one.test"}) {
		t.Errorf("got %+v", told)
	}
	old := call(t, o.Listen)
	answers(t, old)

	files(t, dir, "two.test")
	soon(t, "the new certificate is shown", func() bool { return shows(t, o.Listen).DNSNames[0] == "two.test" })
	answers(t, old)

	key, err := os.ReadFile(o.TLSKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		file    string
		content []byte
		reason  string
	}{
		{o.TLSKey, []byte("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"), o.TLSKey},
		{o.TLSCert, key, o.TLSCert},
	} {
		write(t, bad.file, bad.content)
		soon(t, "somebody is told", func() bool {
			events, err := c.Events(t.Context())
			return err == nil && slices.ContainsFunc(events, func(e admin.Event) bool {
				return e.Kind == "error" && strings.Contains(e.Text, "stays as it is") && strings.Contains(e.Text, bad.reason)
			})
		})
		if got := shows(t, o.Listen).DNSNames[0]; got != "two.test" {
			t.Errorf("the certificate for %s is shown", got)
		}
	}
	answers(t, old)

	files(t, dir, "three.test")
	soon(t, "the good ones are shown", func() bool { return shows(t, o.Listen).DNSNames[0] == "three.test" })
	answers(t, old)
	secret := strings.Split(string(key), "\n")[1]
	if text := out.String(); strings.Contains(text, secret) || strings.Contains(text, "c2VjcmV0") || strings.Contains(text, "BEGIN") {
		t.Errorf("the log has a key, or a piece of one:\n%s", text)
	}
}

// Files that are given must be good; those of the last start need not, since a
// node that does not come up helps nobody.
func TestTLSFilesAtTheStart(t *testing.T) {
	t.Parallel()
	o := options(t)
	dir := t.TempDir()
	certificate, key := files(t, dir, "mine.test")
	for _, wrong := range [][2]string{{filepath.Join(dir, "no.pem"), key}, {certificate, filepath.Join(dir, "no.key")}, {key, certificate}} {
		o.TLSCert, o.TLSKey = wrong[0], wrong[1]
		n, err := New(t.Context(), o)
		if err == nil {
			_ = n.Close()
			t.Fatalf("%q was taken", wrong)
		}
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("the error names no file: %v", err)
		}
	}
	o.TLSCert, o.TLSKey = certificate, key
	t.Run("good", func(t *testing.T) {
		running(t, o)
		if got := shows(t, o.Listen).DNSNames; !slices.Equal(got, []string{"mine.test"}) {
			t.Errorf("got a certificate for %q", got)
		}
	})
	for _, flags := range [][2]string{{"", ""}, {certificate, key}} {
		t.Run("gone since", func(t *testing.T) {
			o.TLSCert, o.TLSKey = flags[0], flags[1]
			if err := os.Rename(certificate, certificate+".away"); err != nil {
				t.Fatal(err)
			}
			c := running(t, o)
			if got := shows(t, o.Listen).DNSNames[0]; got != firstDomain {
				t.Errorf("got a certificate for %s", got)
			}
			if err := os.Rename(certificate+".away", certificate); err != nil {
				t.Fatal(err)
			}
			soon(t, "the file is taken again", func() bool {
				told, err := c.Certificate(t.Context())
				return err == nil && told.File == certificate
			})
		})
	}
	t.Run("the system's again", func(t *testing.T) {
		o.TLSCert, o.TLSKey = systemCertificate, ""
		running(t, o)
		if got := shows(t, o.Listen).DNSNames[0]; got != firstDomain {
			t.Errorf("got a certificate for %s", got)
		}
	})
}

// When the domain becomes another, so does the certificate.
func TestTLSFollowsTheDomain(t *testing.T) {
	t.Parallel()
	o := options(t)
	c := running(t, o)
	if _, err := c.Apply(t.Context(), "f", []byte("domain: new.test\nusers: []\n")); err != nil {
		t.Fatal(err)
	}
	soon(t, "the certificate is for the new domain", func() bool { return shows(t, o.Listen).DNSNames[0] == "new.test" })
}

// A main issues to other nodes what is theirs, and nothing of somebody else's.
func TestCertificateOfAnotherNode(t *testing.T) {
	o := options(t)
	o.Name = "laurel"
	n, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	_, request, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	own := netip.MustParseAddr("192.0.2.7")
	body, err := json.Marshal(certificateQuestion{Request: request, Addresses: []netip.Addr{own, o.Listen, netip.IPv6Unspecified(), {}}})
	if err != nil {
		t.Fatal(err)
	}
	der, err := n.shown.answer(t.Context(), link.Peer{Node: "mons", Role: store.Lifeguard}, body)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(leaf.DNSNames, []string{firstDomain, "mons", "mons." + firstDomain}) {
		t.Errorf("got names %q", leaf.DNSNames)
	}
	if len(leaf.IPAddresses) != 1 || !leaf.IPAddresses[0].Equal(own.AsSlice()) {
		t.Errorf("got addresses %v, want %v alone", leaf.IPAddresses, own)
	}
	if _, err := n.shown.answer(t.Context(), link.Peer{Node: "mons"}, []byte("{}")); err == nil {
		t.Error("a request that is none was taken")
	}
	if err := errors.Join(leaf.CheckSignatureFrom(n.shown.root)); err != nil {
		t.Error(err)
	}
}
