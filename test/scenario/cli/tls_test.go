package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// believing believes the authority in a file, and nobody else.
func believing(ts *testscript.TestScript, authority string) *tls.Config {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(authority))) {
		ts.Fatalf("%s holds no certificate", authority)
	}
	return &tls.Config{RootCAs: roots}
}

// ownCertificate writes a certificate that nobody issued, and its key.
func ownCertificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: certificate ADDRESS FILE KEYFILE")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(args[0])}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[1+i]), pem.EncodeToMemory(block), 0o600))
	}
}

// browse has a page of an origin ask for a WebSocket, until the answer is what
// the story says.
func browse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: browse ANSWER ORIGIN URL [AUTHORITY]")
	}
	c := &http.Client{Timeout: patience}
	if len(args) == 4 {
		c.Transport = &http.Transport{TLSClientConfig: believing(ts, args[3])}
	}
	answer := ""
	for end := time.Now().Add(patience); !strings.Contains(answer, args[0]); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("got %q, want %q", answer, args[0])
		}
		answer = ask(c, args[1], args[2])
	}
	_, err := fmt.Fprintln(ts.Stdout(), answer)
	ts.Check(err)
}

// ask returns the answer to a request for a WebSocket, "closed" where nobody
// listens.
func ask(c *http.Client, origin, url string) string {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin,
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "sip",
	} {
		r.Header.Set(name, value)
	}
	answer, err := c.Do(r)
	if err != nil {
		return "closed: " + err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return answer.Status
	}
	words, _ := io.ReadAll(answer.Body)
	return answer.Status + " " + string(words)
}
