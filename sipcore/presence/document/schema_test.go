package document

import (
	"bytes"
	"fmt"
	"mime"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"carillon/store"
	"carillon/store/live"
	"carillon/test/tool"
)

// TestDocumentsAreValid: a validator that is not ours finds nothing wrong with any
// document that can be written, by schemas after the words of the RFCs.
func TestDocumentsAreValid(t *testing.T) {
	v := newValidator(t)
	for i, doc := range everyPresence() {
		v.add("presence", fmt.Sprintf("presence%d", i), doc)
	}
	for i, doc := range everyLamp() {
		v.add("dialog-info", fmt.Sprintf("lamp%d", i), doc)
	}
	for i, resources := range everyList() {
		contentType, body := List("sip:desk@x", uint32(i), i%2 == 0, resources)
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		parts, _ := partsOf(t, contentType, body)
		v.add("rlmi", fmt.Sprintf("list%d", i), parts[params["start"]])
	}
	for schema, files := range v.files {
		if out, err := v.validate(schema, files...); err != nil {
			t.Errorf("%s: %v: %s", schema, err, out)
		}
	}
}

// TestSchemasRefuse: what is out of order, missing or unknown is seen, and what is
// everybody else's to add is not.
func TestSchemasRefuse(t *testing.T) {
	v := newValidator(t)
	lamp := func(attributes, within string) string {
		return `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:1@x"><dialog ` + attributes + `>` + within + `</dialog></dialog-info>`
	}
	lists := func(within string) string {
		return `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` + within + `</list></resource-lists>`
	}
	const status, state, local, remote = `<status><basic>open</basic></status>`, `<state>early</state>`, `<local><identity>sip:1@x</identity></local>`, `<remote><identity>sip:2@x</identity></remote>`
	for i, test := range []struct {
		schema, good, bad string
	}{
		{"presence", openPresence + `<tuple id="a">` + status + `<note>x</note></tuple></presence>`, openPresence + `<tuple id="a"><note>x</note>` + status + `</tuple></presence>`},
		{"presence", openPresence + `<tuple id="a">` + status + `<contact>sip:1@x</contact><note>x</note></tuple></presence>`, openPresence + `<tuple id="a">` + status + `<note>x</note><contact>sip:1@x</contact></tuple></presence>`},
		{"presence", openPresence + `<tuple id="a">` + status + `</tuple><dm:person id="p"/></presence>`, openPresence + `<dm:person id="p"/><tuple id="a">` + status + `</tuple></presence>`},
		{"presence", openPresence + `<dm:person id="p"><r:activities><r:away/></r:activities></dm:person></presence>`, openPresence + `<dm:person id="p"><r:activities><r:siesta/></r:activities></dm:person></presence>`},
		{"presence", openPresence + `<dm:person id="p"><r:activities><r:away/></r:activities><dm:note>x</dm:note></dm:person></presence>`, openPresence + `<dm:person id="p"><dm:note>x</dm:note><r:activities><r:away/></r:activities></dm:person></presence>`},
		{"presence", openPresence + `<tuple id="a"><status><basic>open</basic><im:im>busy</im:im></status></tuple></presence>`, openPresence + `<tuple id="a"><status><basic>perhaps</basic></status></tuple></presence>`},
		{"dialog-info", lamp(`id="a"`, state+local+remote), lamp(`id="a"`, state+remote+local)},
		{"dialog-info", lamp(`id="a" direction="recipient"`, state), lamp(`id="a" direction="sideways"`, state)},
		{"dialog-info", lamp(`id="a"`, state), lamp(`call-id="a"`, state)},
		{"dialog-info", lamp(`id="a"`, state), lamp(`id="a"`, `<state>ringing</state>`)},
		{"rlmi", `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:1@x" version="0" fullState="true"/>`, `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:1@x" fullState="true"/>`},
		{"resource-lists", lists(`<display-name>all</display-name><entry uri="sip:1@x"/>`), lists(`<entry uri="sip:1@x"/><display-name>all</display-name>`)},
	} {
		if out, err := v.validate(test.schema, v.write(fmt.Sprint("good", i), []byte(test.good))); err != nil {
			t.Errorf("%s is refused: %s", test.good, out)
		}
		if _, err := v.validate(test.schema, v.write(fmt.Sprint("bad", i), []byte(test.bad))); err == nil {
			t.Errorf("%s is valid", test.bad)
		}
	}
}

// everyPresence are all activities, alone and with notes that need escaping, closed and
// open, nothing at all, and several tuples.
func everyPresence() (all [][]byte) {
	several := live.State{}
	for _, activity := range append(store.Activities(), "") {
		for _, note := range []string{"", "back at 3", "<&>\"' \t\n\x00\x1f\ufffe \xff é漢🔔]]>"} {
			p := live.Presence{Open: note == "", Activity: activity, Note: note, IM: note}
			several.Tuples = append(several.Tuples, p)
			all = append(all, PIDF("sip:201@tel.beip.be;user=phone", live.State{Tuples: []live.Presence{p}}))
		}
	}
	return append(all, PIDF(alice, live.State{}), PIDF("pres:201@x?a=1&b=2", several))
}

// everyLamp are all states in both directions, named, unnamed and private, and none.
func everyLamp() (all [][]byte) {
	var several []live.Dialog
	for _, state := range []live.DialogState{live.Trying, live.Early, live.Confirmed, live.Terminated} {
		for _, direction := range []live.DialogDirection{live.Initiator, live.Recipient} {
			for _, private := range []bool{false, true} {
				several = append(several, live.Dialog{
					Call: fmt.Sprint(state, direction, private), CallID: `c"<&>@x`, LocalTag: "l", RemoteTag: "", State: state, Direction: direction, Private: private,
					Remote: live.Identity{Display: "Ü <\x01> \"&\" ", URI: "sip:%23202@tel.beip.be"},
				})
			}
		}
	}
	several[0].Remote, several[0].LocalTag, several[1].RemoteTag = live.Identity{}, "", "r"
	for _, d := range several {
		all = append(all, DialogInfo(alice, 4294967295, true, []live.Dialog{d}))
	}
	return append(all, DialogInfo(alice, 0, true, several), DialogInfo("tel:+3265551200", 0, true, nil), DialogInfo(alice, 1, false, nil))
}

// everyList are a list of nobody, and of resources in all states.
func everyList() [][]Resource {
	return [][]Resource{nil, {
		{URI: "sip:201@x;user=phone", Name: "Al & <Ice> \x02", State: "active", Type: TypePIDF, Body: PIDF(alice, live.State{})},
		{URI: "sip:202@x", State: "pending"},
		{URI: "sip:203@x", State: "terminated", Reason: "noresource"},
		{URI: "sip:204@x"},
	}}
}

// A validator is xmllint with the schemas of testdata.
type validator struct {
	t       *testing.T
	program string
	dir     string
	files   map[string][]string // by schema
}

func newValidator(t *testing.T) *validator {
	t.Helper()
	return &validator{t: t, program: tool.Need(t, "xmllint", "libxml2-utils"), dir: t.TempDir(), files: map[string][]string{}}
}

func (v *validator) add(schema, name string, doc []byte) {
	v.t.Helper()
	v.files[schema] = append(v.files[schema], v.write(name, doc))
}

func (v *validator) write(name string, doc []byte) string {
	v.t.Helper()
	path := filepath.Join(v.dir, name+".xml")
	if err := os.WriteFile(path, doc, 0o600); err != nil {
		v.t.Fatal(err)
	}
	return path
}

// validate returns what the validator has to say, and an error if one of the files is
// not valid.
func (v *validator) validate(schema string, files ...string) (string, error) {
	v.t.Helper()
	args := append([]string{"--noout", "--nonet", "--relaxng", filepath.Join("testdata", "schema", schema+".rng")}, files...)
	out, err := exec.CommandContext(v.t.Context(), v.program, args...).CombinedOutput()
	for _, broken := range []string{"failed to compile", "parser error", "Relax-NG parser"} {
		if bytes.Contains(out, []byte(broken)) {
			v.t.Fatalf("%s: %s", schema, out)
		}
	}
	var said []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasSuffix(line, " validates\n") {
			said = append(said, line)
		}
	}
	return strings.Join(said, ""), err
}
