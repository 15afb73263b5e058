package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// askAs has a program ask the API over HTTPS, and prints the status and the answer. The
// port of a node that hears of the first token opens a moment later.
func askAs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: ask TOKEN AUTHORITY METHOD URL [BODY]")
	}
	c := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: believing(ts, args[1]), DisableKeepAlives: true}}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.NewRequest(args[2], args[3], strings.NewReader(append(args, "")[4]))
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+args[0])
		answer, err := c.Do(r)
		if err != nil {
			if time.Now().Before(end) {
				continue
			}
			ts.Fatalf("%s: %v", args[3], err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		ts.Check(err)
		_, err = fmt.Fprintf(ts.Stdout(), "%s\n%s\n", answer.Status, text)
		ts.Check(err)
		return
	}
}
