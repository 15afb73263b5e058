package sipcore_test

import (
	"bytes"
	"compress/zlib"
	"runtime"
	"strings"
	"testing"

	"carillon/test/house/wire"
)

const listStart, listWithin, listEnd = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">`, `<list><entry uri="sip:bob@` + domain + `"/></list>`, `</resource-lists>`

// TestXMLOfStrangers: a running server refuses what wants to be more than it is, in what
// is published and in lists of whom to watch, plain and packed. Nothing changes by it,
// nobody is told anything, and the memory that it takes is bounded.
func TestXMLOfStrangers(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice, bob := at.phoneOver("tcp", "alice", "1"), at.phoneOver("tcp", "bob", "2")
	bob.watches("presence", "alice", "120")
	bob.replies(bob.gets("NOTIFY"), 200)
	start, end := pidf[:strings.Index(pidf, ">")+1], "</presence>"
	within := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(pidf, start), end), "ACTIVITY", "busy")

	bombs := map[string]wire.Message{}
	for name, body := range wire.Bombs(start, within, end) {
		m := alice.publish("alice", "busy")
		m.Body = body
		bombs["published: "+name] = m
	}
	for name, body := range wire.Bombs(listStart, listWithin, listEnd) {
		bombs["brought: "+name] = alice.brings(t, body, "")
		bombs["packed: "+name] = alice.brings(t, body, "deflate")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, m := range bombs {
		alice.isRefused(name, m)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(len(bombs))<<20 {
		t.Errorf("%d documents took %d bytes", len(bombs), took)
	}
	if got := at.presences.Of("alice"); len(got.Tuples) != 0 {
		t.Errorf("alice is now %+v", got)
	}
	if live := at.Counters().Events.Live; live["dialog"] != 0 || live["presence"] != 1 {
		t.Errorf("subscriptions: %v", live)
	}
	alice.publishes("200", "busy") // the phone is not cut off, and is the first news that bob hears
	if m := bob.gets("NOTIFY"); !strings.Contains(m.Body, "<rpid:busy/>") {
		t.Errorf("bob is told %s", m.Body)
	}
}

// TestPackedLists: a Linphone packs the list that it brings.
func TestPackedLists(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice := at.phoneOver("tcp", "alice", "1")
	good := listStart + listWithin + listEnd
	w := alice.watching(alice.hears("200", alice.brings(t, good, "deflate")))
	if m := w.gets("NOTIFY"); !strings.Contains(m.Body, `uri="sip:bob@`+domain+`"`) {
		t.Errorf("alice is told %s", m.Body)
	}
	if answer := alice.hears("415", alice.brings(t, good, "br")); answer.Get("Accept-Encoding") != "deflate" {
		t.Errorf("she may pack it as %q", answer.Get("Accept-Encoding"))
	}
	large := alice.brings(t, listStart+listWithin+strings.Repeat(" ", 40<<20)+listEnd, "deflate")
	if len(large.Body) > 60<<10 {
		t.Fatalf("it is %d bytes", len(large.Body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	alice.hears("400", large)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("40 MiB of spaces in %d bytes took %d bytes of memory", len(large.Body), took)
	}
}

// brings makes a SUBSCRIBE with a list, packed as encoding says.
func (p *phone) brings(t *testing.T, list, encoding string) wire.Message {
	t.Helper()
	m := p.subscribeList("-")
	m.Body = list
	if encoding != "" {
		m.Add("Content-Encoding", encoding)
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write([]byte(list)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		m.Body = b.String()
	}
	return m
}

func (p *phone) hears(want string, m wire.Message) wire.Message {
	p.t.Helper()
	p.send(m)
	return p.gets(want)
}

// isRefused sends a request that has to be refused because of its body.
func (p *phone) isRefused(name string, m wire.Message) {
	p.t.Helper()
	p.send(m)
	got, err := p.conn.Receive(patience)
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	if got.Request() || got.Status() != 400 && got.Status() != 413 && got.Status() != 415 {
		p.t.Errorf("%s: got %q, want 400, 413 or 415", name, got.Start)
	}
}
