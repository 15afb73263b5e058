package document

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"carillon/store/live"
	"carillon/test/house/wire"
)

const openPresence = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" ` +
	`xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="sip:201@tel.beip.be">`

// What phones publish, as they write it.
func TestParsePIDF(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       live.Presence
	}{
		{"open", `<tuple id="a"><status><basic>open</basic></status></tuple>`, live.Presence{Open: true}},
		{"closed", `<tuple id="a"><status><basic> closed </basic></status><note>gone
			home</note></tuple>`, live.Presence{Note: "gone home"}},
		{"one of two is open", `<tuple id="a"><status><basic>closed</basic></status></tuple><tuple id="b"><status><basic>open</basic></status></tuple>`, live.Presence{Open: true}},
		{"Snom", `<tuple id="snom"><status><basic>open</basic><im:im>busy</im:im></status></tuple>`, live.Presence{Open: true, IM: "busy"}},
		{
			"a person", `<tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><r:activities><r:meeting/><r:busy/></r:activities><dm:note>room 3 &amp; 4</dm:note></dm:person>`,
			live.Presence{Open: true, Activity: "meeting", Note: "room 3 & 4"},
		},
		{"a person alone", `<dm:person id="p"><r:activities><r:unknown/><r:away/></r:activities></dm:person>`, live.Presence{Open: true, Activity: "away"}},
		{
			"activities in the status, as drafts had it", `<tuple id="a"><status><basic>open</basic><s:activities xmlns:s="urn:ietf:params:xml:ns:pidf:status:rpid"><s:on-the-phone/></s:activities></status></tuple>`,
			live.Presence{Open: true, Activity: "on-the-phone"},
		},
		{"an activity without a list", `<tuple id="a"><status><basic>open</basic><r:busy/></status></tuple>`, live.Presence{Open: true, Activity: "busy"}},
		{"other", `<dm:person id="p"><r:activities><r:other>fishing</r:other></r:activities></dm:person>`, live.Presence{Open: true, Activity: "other", Note: "fishing"}},
		{"an activity that nobody knows", `<dm:person id="p"><r:activities><r:siesta/></r:activities></dm:person>`, live.Presence{Open: true, Activity: "other", Note: "siesta"}},
		{"an activity's note", `<dm:person id="p"><r:activities><r:note>back soon</r:note><r:away/></r:activities></dm:person>`, live.Presence{Open: true, Activity: "away", Note: "back soon"}},
		{"what others have added", `<tuple id="a"><status><basic>open</basic><x xmlns="urn:x">open</x></status></tuple><y xmlns="urn:y"/>`, live.Presence{Open: true}},
	} {
		got, err := ParsePIDF([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + openPresence + c.body + "</presence>"))
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v (%v), want %+v", c.name, got, err, c.want)
		}
	}
}

// What is not ours to read, or would cost more than it is worth.
func TestRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000)
	bombs := map[string]string{
		"nothing": "", "no XML": "hello", "not closed": openPresence, "another document": `<presence/>`, "two documents": openPresence + "</presence>" + openPresence + "</presence>",
		"nothing said":       openPresence + "</presence>",
		"entities":           `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` + openPresence + `<note>&b;</note></presence>`,
		"an external entity": `<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + openPresence + `<note>&x;</note></presence>`,
		"an unknown entity":  openPresence + `<note>&nbsp;</note></presence>`,
		"depth":              openPresence + deep + "</presence>",
		"size":               openPresence + "<note>" + strings.Repeat("x", mostBytes) + "</note></presence>",
		"elements":           openPresence + strings.Repeat("<a/>", mostElements) + "</presence>",
		"another encoding":   `<?xml version="1.0" encoding="UTF-16"?>` + openPresence + "<note>x</note></presence>",
	}
	for name, body := range bombs {
		if p, err := ParsePIDF([]byte(body)); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
		list := strings.NewReplacer(openPresence, `<resource-lists xmlns="`+nsLists+`">`, "</presence>", "</resource-lists>").Replace(body)
		if uris, err := ParseList([]byte(list)); err == nil && name != "nothing said" {
			t.Errorf("%s: got %q", name, uris)
		}
	}
}

// TestBombs: what wants to be more than it is costs no more than it is, and is refused.
func TestBombs(t *testing.T) {
	const within, list = `<tuple id="a"><status><basic>open</basic></status></tuple>`, `<list><entry uri="sip:1@x"/></list>`
	refused := func(name, body string, parse func([]byte) error) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := parse([]byte(body))
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 8<<20 {
			t.Errorf("%s, of %d bytes: %v, %d bytes of memory", name, len(body), err, took)
		}
	}
	for name, body := range wire.Bombs(openPresence, within, "</presence>") {
		refused(name, body, func(b []byte) error { _, err := ParsePIDF(b); return err })
	}
	for name, body := range wire.Bombs(`<resource-lists xmlns="`+nsLists+`">`, list, "</resource-lists>") {
		refused(name, body, func(b []byte) error { _, err := ParseList(b); return err })
	}
}

// TestWhatIsOdd: documents that look like traps and are none.
func TestWhatIsOdd(t *testing.T) {
	const within = `<tuple id="a"><status><basic>open</basic></status></tuple>`
	for name, body := range map[string]string{
		"a byte order mark":   "\ufeff" + openPresence + within + "</presence>",
		"a declaration":       `<?xml version='1.0' encoding='us-ascii' standalone='no'?>` + "\r\n" + openPresence + within + "</presence>\r\n",
		"comments and so on":  "<!-- & <x> --><?go on?>" + openPresence + strings.Repeat("<!-- - -->", 2000) + within + "<![CDATA[<!DOCTYPE a>&b;]]></presence><!-- -->",
		"prefixes":            `<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns="urn:x"><tuple/><p:tuple id="a"><p:status><p:basic>open</p:basic></p:status></p:tuple></p:presence>`,
		"a prefix of another": `<a:presence xmlns:a="urn:ietf:params:xml:ns:pidf"><a:tuple id="a" xmlns:a="urn:y"><a:x/></a:tuple><b:tuple xmlns:b="urn:ietf:params:xml:ns:pidf" id="b"><b:status><b:basic>open</b:basic></b:status></b:tuple></a:presence>`,
		"a long name":         openPresence + within + "<" + strings.Repeat("a", 50000) + "/></presence>",
	} {
		if got, err := ParsePIDF([]byte(body)); err != nil || got != (live.Presence{Open: true}) {
			t.Errorf("%s: got %+v (%v)", name, got, err)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	body := openPresence + "<note>" + strings.Repeat("é", mostNote) + "</note><tuple id=\"a\"><status><im:im>" + strings.Repeat("b", 500) + "</im:im></status></tuple></presence>"
	got, err := ParsePIDF([]byte(body))
	if err != nil || len(got.Note) != mostNote || !utf8.ValidString(got.Note) || len(got.IM) != mostIM {
		t.Errorf("got %d bytes of note and %d of status (%v)", len(got.Note), len(got.IM), err)
	}
}

func TestParseList(t *testing.T) {
	entry := func(uri string) string { return fmt.Sprintf(`<entry uri=%q/>`, uri) }
	within := func(s string) []byte {
		return []byte(`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` + s + `</list></resource-lists>`)
	}
	got, err := ParseList(within(entry("sip:1@x") + entry("sip:2@x") + `<list name="more">` + entry("sip:3@x") + entry("sip:1@x") + `<entry-ref ref="y"/></list><entry/>`))
	if want := []string{"sip:1@x", "sip:2@x", "sip:3@x"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	var many strings.Builder
	for i := range mostEntries + 1 {
		many.WriteString(entry(fmt.Sprint(i)))
	}
	if got, err = ParseList(within(many.String())); err == nil {
		t.Errorf("%d entries are taken", len(got))
	}
}

// Whatever is read of a stranger's document can be told and is read back as it was.
func FuzzParsePIDF(f *testing.F) {
	f.Add([]byte(openPresence + `<tuple id="a"><status><basic>open</basic><im:im>busy</im:im></status></tuple></presence>`))
	f.Add([]byte(openPresence + `<dm:person id="p"><r:activities><r:other>a &lt; b</r:other></r:activities><dm:note>x</dm:note></dm:person></presence>`))
	f.Add(PIDF(alice, live.State{Tuples: []live.Presence{{Open: true, Activity: live.Vacation, Note: "é \ufffd"}}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := ParsePIDF(body)
		if err != nil {
			return
		}
		if len(p.Note) > mostNote || len(p.IM) > mostIM || p.Activity != "" && !live.IsActivity(p.Activity) {
			t.Fatalf("%+v came of %q", p, body)
		}
		told := PIDF(alice, live.State{Tuples: []live.Presence{p}})
		p.Note, p.IM = strings.Join(strings.Fields(p.Note), " "), strings.Join(strings.Fields(p.IM), " ")
		if again, err := ParsePIDF(told); err != nil || again != p {
			t.Fatalf("%+v is told as %s and read as %+v (%v)", p, told, again, err)
		}
	})
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:1@x"/><list><entry uri="sip:2@x"/></list></list></resource-lists>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		uris, err := ParseList(body)
		if err != nil {
			return
		}
		doc := []byte(`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>`)
		for _, uri := range uris {
			doc = append(appendAttribute(append(doc, "<entry"...), "uri", uri), "/>"...)
		}
		again, err := ParseList(append(doc, "</list></resource-lists>"...))
		if err != nil || !reflect.DeepEqual(again, uris) {
			t.Fatalf("%q is read again as %q (%v)", uris, again, err)
		}
	})
}
