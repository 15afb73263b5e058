package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carillon/test/house/wire"
)

const lamp = `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="VERSION" state="full" entity="sip:bob@tel.test">` +
	`<dialog id="d1f" call-id="c1" local-tag="t1" remote-tag="t2" direction="recipient"><state>confirmed</state></dialog>` +
	`<dialog id="d2f" call-id="c2" direction="recipient"><state>early</state></dialog></dialog-info>`

func notify(subscription, body string) wire.Message {
	m := wire.Message{Start: "NOTIFY sip:alice@127.0.0.1 SIP/2.0", Body: body}
	m.Add("Call-ID", subscription)
	return m
}

// TestBodies: what changes from run to run has a name, and everything else counts.
func TestBodies(t *testing.T) {
	r := newRun(&script{}, 0)
	r.dir = t.TempDir()
	version := func(v string) wire.Message { return notify("s", strings.Replace(lamp, "VERSION", v, 1)) }
	r.names.counts(version("4711"))
	want := strings.NewReplacer("VERSION", "2", "d1f", "A", "c1", "A", "t1", "A", "t2", "B", "d2f", "B", "c2", "B").Replace(lamp)
	if err := os.WriteFile(filepath.Join(r.dir, "want.xml"), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.isBody(version("4713"), "want.xml"); err != nil {
		t.Error(err)
	}
	for name, m := range map[string]wire.Message{
		"a version left out": version("4714"), "another subscription": notify("other", version("4713").Body),
		"another state": notify("s", strings.Replace(version("4713").Body, "early", "trying", 1)),
		"another call":  notify("s", strings.Replace(version("4713").Body, "c2", "c3", 1)),
	} {
		if err := r.isBody(m, "want.xml"); err == nil {
			t.Errorf("%s is not seen", name)
		}
	}
	if err := r.isBody(version("4713"), "none.xml"); err == nil {
		t.Error("a file that is not there is as good as one")
	}
}

func TestShown(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{lamp, "confirmed early"},
		{`<dialog-info/>`, ""},
		{`<presence><tuple><status><basic> open </basic></status><note>in 4</note></tuple><person><activities><meeting/></activities><note>in 4</note></person></presence>`, `open "in 4" meeting "in 4"`},
		{`<presence><tuple>`, "no document: XML syntax error on line 1: unexpected EOF"},
	} {
		if got := shown(notify("s", test.body)); got != test.want {
			t.Errorf("got %s, want %s of %s", got, test.want, test.body)
		}
	}
}
