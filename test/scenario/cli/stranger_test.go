package cli

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// knock is a stranger at the port between nodes.
func knock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 3 {
		ts.Fatalf("usage: knock ADDRESS [PROTOCOL [NODE.JSON]]")
	}
	c, err := net.Dial("tcp", net.JoinHostPort(args[0], "7946"))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	ts.Check(c.SetDeadline(time.Now().Add(patience)))
	if len(args) > 1 {
		config := &tls.Config{InsecureSkipVerify: true, NextProtos: args[1:2]}
		if len(args) > 2 {
			config.Certificates = []tls.Certificate{certificateOf(ts, args[2])}
		}
		c = tls.Client(c, config)
	}
	_, _ = io.WriteString(c, "let me in\r\n\r\n")
	if answer, _ := io.ReadAll(c); len(args) > 1 && len(answer) > 0 {
		ts.Fatalf("got an answer: %q", answer)
	}
}

// certificateOf reads the certificate of the node that lives beside it.
func certificateOf(ts *testscript.TestScript, file string) tls.Certificate {
	var identity struct{ Certificate []byte }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &identity))
	pair, err := tls.X509KeyPair(identity.Certificate, identity.Certificate)
	ts.Check(err)
	return pair
}

func throw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: throw N ADDRESS")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	c, err := net.Dial("udp", net.JoinHostPort(args[1], "7946"))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	for i := range n {
		_, err = c.Write(make([]byte, 20+i))
		ts.Check(err)
	}
}
