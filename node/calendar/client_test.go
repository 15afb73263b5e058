package calendar

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"carillon/store"
)

// meeting returns a calendar with one event from now on.
func meeting(lasts time.Duration) string {
	const form = "20060102T150405Z"
	now := time.Now().UTC()
	return "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Merger with Hal\r\nDTSTART:" + now.Add(-time.Minute).Format(form) +
		"\r\nDTEND:" + now.Add(lasts).Format(form) + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// What servers answer, and what is made of it.
func TestAnswers(t *testing.T) {
	hour := meeting(time.Hour)
	const found = "found"
	for _, c := range []struct {
		name   string
		server http.HandlerFunc
		want   string // found, or of the error
	}{
		{"a calendar", says(hour), found},
		{"a page to log in at", says("<html>Who are you?</html>"), "it is no calendar"},
		{"half of it", says(hour[:len(hour)/2]), "the calendar ends in the middle"},
		{"nothing", says(""), "it is no calendar"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "it answers 500"},
		{"not there", http.NotFound, "it answers 404"},
		{"a refusal", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "it refuses who asks (401)"},
		{"unchanged, though it was never read", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "it answers 304"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, hour)
			_, _ = w.Write(bytes.Repeat([]byte("X"), mostBytes))
		}, "it sends more than 4 MB"},
		{"a header without end", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "server response headers exceeded"},
		{"in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, "it leads elsewhere more than 3 times"},
		{"to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "it leads to an address that makes no sense"},
		{"to another scheme", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "gopher://127.0.0.1/", http.StatusFound)
		}, "it leads to what is not https"},
		{"nobody", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "it does not answer within 10 s"},
		{"silence in the middle", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, hour[:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "it does not answer within 10 s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asks := newClient(time.UTC)
			if strings.HasPrefix(c.name, "silence") {
				asks.patience = 200 * time.Millisecond
			}
			a := asks.ask(t.Context(), question{at: store.Calendar{Address: serve(t, c.server) + "/secret-address.ics"}})
			got := found
			switch {
			case a.err != nil:
				got = a.err.Error()
			case len(a.line) != 1 || !a.changed:
				got = fmt.Sprint(a.line)
			}
			if !strings.Contains(got, c.want) || strings.Contains(got, "secret-address") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if a.err != nil && (a.memory.etag != "" || a.memory.horizon != (time.Time{})) {
				t.Errorf("it remembers %+v of what was not read", a.memory)
			}
		})
	}
}

// What has not changed is not sent again, nor read again; what was not read is asked
// for in full.
func TestUnchangedIsNotReadAgain(t *testing.T) {
	var bad bool
	body := meeting(time.Hour)
	asked := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case bad:
			w.Header().Set("ETag", `"2"`)
			_, _ = io.WriteString(w, "no calendar")
		case r.Header.Get("If-None-Match") == `"1"` && r.Header.Get("If-Modified-Since") == "Mon, 23 Nov 2026 08:00:00 GMT":
			asked++
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 08:00:00 GMT")
			_, _ = io.WriteString(w, body)
		}
	})
	asks := newClient(time.UTC)
	q := question{at: store.Calendar{Address: url}}
	next := func(changed, fails bool) {
		t.Helper()
		a := asks.ask(t.Context(), q)
		if a.changed != changed || (a.err != nil) != fails {
			t.Errorf("got changed %v (%v), want %v", a.changed, a.err, changed)
		}
		q.memory = a.memory
	}
	next(true, false)
	next(false, false)
	bad = true
	next(false, true)
	bad = false
	next(false, false)
	if asked != 2 {
		t.Errorf("it was unchanged %d times, want 2", asked)
	}
	q.memory.horizon = time.Now().Add(time.Hour) // the window has moved on: what comes now was not asked for then
	next(true, false)

	q.memory.etag, q.memory.modified = "", "" // a server that knows nothing of that sends the same text
	next(false, false)
}

// A server is told user and password as it wants them, and no other is.
func TestLogin(t *testing.T) {
	at := store.Calendar{User: "alice", Password: store.NewSecret("s3cret")}
	for _, c := range []struct {
		name  string
		wants string
		ok    func(r *http.Request) bool
	}{
		{"basic", `Basic realm="x"`, func(r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user == "alice" && password == "s3cret"
		}},
		{"digest", `Digest realm="x", nonce="n", qop="auth", algorithm=SHA-256`, isDigest},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused := 0
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !c.ok(r) {
					refused++
					w.Header().Add("WWW-Authenticate", c.wants)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.WriteString(w, meeting(time.Hour))
			})
			asks, q := newClient(time.UTC), question{at: at}
			q.at.Address = url
			for range 3 { // it is asked once how it wants it
				a := asks.ask(t.Context(), q)
				if a.err != nil || refused != 1 {
					t.Fatalf("got %v, refused %d times, want once", a.err, refused)
				}
				q.memory = a.memory
			}
			q.at.Password, q.memory, refused = store.NewSecret("another"), memory{}, 0
			if a := asks.ask(t.Context(), q); a.err == nil || refused != 2 || strings.Contains(a.err.Error(), "another") {
				t.Errorf("with a wrong password: %v, refused %d times", a.err, refused)
			}
		})
	}
}

// isDigest checks what was computed by the same library with the right password, and
// that the password itself did not come along.
func isDigest(r *http.Request) bool {
	text := r.Header.Get("Authorization")
	c, err := digest.ParseCredentials(text)
	if err != nil || strings.Contains(text, "s3cret") {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "x", Nonce: "n", QOP: []string{"auth"}, Algorithm: "SHA-256"}, digest.Options{
		Method: r.Method, URI: r.RequestURI, Username: "alice", Password: "s3cret", Count: c.Nc, Cnonce: c.Cnonce,
	})
	return err == nil && want.Response == c.Response
}

// The login is for one server: where that leads to hears nothing of it.
func TestTheLoginGoesNowhereElse(t *testing.T) {
	heard := ""
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		heard = r.Header.Get("Authorization")
		if heard == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="give it to me"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, other+"/alice.ics", http.StatusTemporaryRedirect)
	})
	a := newClient(time.UTC).ask(t.Context(), question{at: store.Calendar{Address: url, User: "alice", Password: store.NewSecret("s3cret")}})
	if a.err == nil || heard != "" {
		t.Errorf("got %v; the other server heard %q", a.err, heard)
	}
}

// A collection is asked for what is around now, and its calendars are read.
func TestCalDAV(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "REPORT" || r.Header.Get("Depth") != "1" || !bytes.Contains(body, []byte("<C:time-range start=")) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/alice/", http.StatusMovedPermanently)
			return
		}
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:cal="urn:ietf:params:xml:ns:caldav">`+
			`<d:response><d:href>/alice/1.ics</d:href><d:propstat><d:prop><cal:calendar-data>%s</cal:calendar-data></d:prop></d:propstat></d:response>`+
			`<d:response><d:href>/alice/2.ics</d:href><d:propstat><d:prop><cal:calendar-data><![CDATA[%s]]></cal:calendar-data></d:prop></d:propstat></d:response>`+
			`</d:multistatus>`, meeting(time.Minute), meeting(time.Hour))
	})
	a := newClient(time.UTC).ask(t.Context(), question{at: store.Calendar{Address: url, CalDAV: true}})
	if a.err != nil || len(a.line) != 1 || time.Until(a.line[0].End) < 50*time.Minute {
		t.Errorf("got %v (%v), want one meeting of an hour", a.line, a.err)
	}
}

// What is no multistatus is none.
func TestNoMultistatus(t *testing.T) {
	const ns = `xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"`
	for _, c := range []struct {
		body string
		want int // -1: refused
	}{
		{"<multistatus " + ns + "/>", 0},
		{"<multistatus " + ns + "><c:calendar-data>x</c:calendar-data></multistatus>", 1},
		{"", -1},
		{"  ", -1},
		{"<multistatus " + ns + ">", -1},
		{"<multistatus/>", -1},
		{"<multistatus " + ns + "/><multistatus " + ns + "/>", 0},
		{"<html xmlns='DAV:'/>", -1},
		{"<multistatus " + ns + "><c:calendar-data><c:calendar-data/></c:calendar-data></multistatus>", -1},
		{"<multistatus " + ns + ">" + strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50) + "</multistatus>", -1},
		{`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><multistatus ` + ns + "><c:calendar-data>&b;</c:calendar-data></multistatus>", -1},
	} {
		all, err := calendarsOf([]byte(c.body))
		if got := len(all); (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q: got %d (%v), want %d", c.body, got, err, c.want)
		}
	}
}

// Who stops does not wait for a server.
func TestAskingIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { stop(); <-r.Context().Done() })
	if a := newClient(time.UTC).ask(ctx, question{at: store.Calendar{Address: url}}); a.err != context.Canceled { //nolint:errorlint // itself
		t.Errorf("got %v", a.err)
	}
}
