package wire

import (
	"fmt"
	"maps"
	"strings"
	"unicode/utf16"
)

// Bombs returns XML documents that nobody may take, by what they try. They are made of
// a good document: the start tag of its root, what is in it, and the end tag. All fit
// into one message.
func Bombs(start, within, end string) map[string]string {
	good := start + within + end
	all := map[string]string{
		"depth":               start + within + strings.Repeat("<a>", 8000) + strings.Repeat("</a>", 8000) + end,
		"depth without end":   start + within + strings.Repeat("<a>", 16000),
		"elements":            start + within + strings.Repeat("<a/>", 12000) + end,
		"attributes":          start + within + "<a" + strings.Repeat(` b="c"`, 8000) + "/>" + end,
		"namespaces":          start + within + "<a" + manyNamespaces(2000) + "/>" + end,
		"no root's namespace": "<x>" + within + "</x>",
		"a prefix of nobody":  "<q:x>" + within + "</q:x>",
		"another's namespace": `<x xmlns="urn:x">` + within + "</x>",
		"no end":              start + within,
		"the wrong end":       start + within + "<a></b>" + end,
		"two documents":       good + good,
		"text behind it":      good + "and so on",
		"text before it":      "and so on" + good,
		"no document":         "and so on",
		"a NUL":               start + within + "\x00" + end,
		"a control character": start + within + "\x01" + end,
		"not UTF-8":           start + within + "<a>\xff\xc0\xaf</a>" + end,
		"not UTF-8, declared": `<?xml version="1.0" encoding="ISO-8859-1"?>` + start + within + "<a>\xe9</a>" + end,
		"an odd encoding":     `<?xml version="1.0" encoding="UTF-7"?>` + good,
		"UTF-16, declared":    `<?xml version="1.0" encoding="UTF-16"?>` + good,
		"UTF-16":              utf16Of(good),
		"XML 1.1":             `<?xml version="1.1"?>` + good,
	}
	maps.Copy(all, entityBombs(start, within, end))
	return all
}

// entityBombs are those of entities and of document types, where entities come from.
func entityBombs(start, within, end string) map[string]string {
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE l [<!ENTITY l0 "ha">`)
	for i := range 30 {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	with := func(doctype, use string) string { return doctype + start + within + "<a>" + use + "</a>" + end }
	return map[string]string{
		"billion laughs":        with(laughs.String()+"]>", "&l30;"),
		"quadratic blow-up":     with(`<!DOCTYPE l [<!ENTITY a "`+strings.Repeat("a", 20000)+`">]>`, strings.Repeat("&a;", 5000)),
		"an entity of itself":   with(`<!DOCTYPE l [<!ENTITY a "&b;"><!ENTITY b "&a;">]>`, "&a;"),
		"an external entity":    with(`<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>`, "&a;"),
		"a parameter entity":    with(`<!DOCTYPE l [<!ENTITY % a SYSTEM "file:///dev/zero"> %a;]>`, ""),
		"an external type":      with(`<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd">`, ""),
		"a bare type":           with(`<!DOCTYPE l>`, ""),
		"a type within":         start + within + `<!ENTITY a "a">` + end,
		"an unknown entity":     with("", "&nbsp;"),
		"an entity without end": with("", "&a"),
		"a character too large": with("", "&#99999999;"),
		"the character 0":       with("", "&#0;"),
	}
}

func manyNamespaces(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` xmlns:n%d="urn:%d"`, i, i)
	}
	return b.String()
}

// utf16Of returns a text in little-endian UTF-16 with a byte order mark.
func utf16Of(text string) string {
	var b []byte
	for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
		b = append(b, byte(unit), byte(unit>>8)) //nolint:gosec // the low half
	}
	return string(b)
}
