package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestEdit(t *testing.T) {
	const before = "BYE sip:a SIP/2.0\r\nv: x,y ,z\r\nVia :\tw\r\nM: 1\r\nRoute: <sip:r>\r\nX: 2 \r\nl: 2\r\n\r\nhi"
	tests := []struct {
		name string
		edit func(e *Edit)
		want string // replacements made in before: old, new, old, new...
	}{
		{"nothing", func(*Edit) {}, ""},
		{"Request-URI", func(e *Edit) { e.SetRequestURI("sip:b@c;lr") }, "sip:a|sip:b@c;lr"},
		{"hostile Request-URI", func(e *Edit) { e.SetRequestURI("sip:b SIP/2.0\r\nX") }, "sip:a|sip:b%20SIP/2.0%0D%0AX"},
		{"empty Request-URI", func(e *Edit) { e.SetRequestURI("") }, ""},
		{"prepend two", func(e *Edit) { e.Prepend(RecordRoute, "1"); e.Prepend(Via, "2") }, "v:|Via: 2\r\nRecord-Route: 1\r\nv:"},
		{"append two", func(e *Edit) { e.Append(Path, "1"); e.Append(Date, "2") }, "l: 2|l: 2\r\nPath: 1\r\nDate: 2"},
		{"hostile value", func(e *Edit) { e.Append(Subject, "a\r\nRoute: b\n") }, "l: 2|l: 2\r\nSubject: a  Route: b "},
		{"no name", func(e *Edit) { e.Append(Other, "a"); e.Prepend(Other, "a") }, ""},
		{"replace keeps name and spaces", func(e *Edit) { e.Replace(1, "u"); e.Replace(4, "3") }, "\tw|\tu|2 \r|3 \r"},
		{"replace twice", func(e *Edit) { e.Replace(2, "5"); e.Replace(2, "6") }, "1|6"},
		{"drop", func(e *Edit) { e.Drop(2); e.Drop(0) }, "v: x,y ,z\r\n||M: 1\r\n|"},
		{"drop, then replace", func(e *Edit) { e.Drop(2); e.Replace(2, "7") }, "1|7"},
		{"replace, then drop", func(e *Edit) { e.Replace(2, "7"); e.Drop(2) }, "M: 1\r\n|"},
		{"drop all", func(e *Edit) { e.DropAll(Via) }, "v: x,y ,z\r\nVia :\tw\r\n|"},
		{"drop all of none", func(e *Edit) { e.DropAll(Path) }, ""},
		{"first value", func(e *Edit) { e.DropFirstValue(Via) }, "x,y ,z|y ,z"},
		{"three first values", func(e *Edit) { e.DropFirstValue(Via); e.DropFirstValue(Via); e.DropFirstValue(Via) }, "v: x,y ,z\r\n|"},
		{"four first values", func(e *Edit) {
			for range 5 {
				e.DropFirstValue(Via)
			}
		}, "v: x,y ,z\r\nVia :\tw\r\n|"},
		{"only value", func(e *Edit) { e.DropFirstValue(Route) }, "Route: <sip:r>\r\n|"},
		{"first value of a replaced line", func(e *Edit) { e.Replace(0, ", a, b"); e.DropFirstValue(Via) }, "x,y ,z|b"},
		{"first value of none", func(e *Edit) { e.DropFirstValue(Path) }, ""},
		{"set first", func(e *Edit) { e.SetFirst(Contact, "9") }, "M: 1|M: 9"},
		{"set first of none", func(e *Edit) { e.SetFirst(MaxForwards, "9") }, "l: 2|l: 2\r\nMax-Forwards: 9"},
		{"set first behind a dropped one", func(e *Edit) { e.Drop(0); e.SetFirst(Via, "9") }, "v: x,y ,z\r\n||\tw|\t9"},
		{"body", func(e *Edit) { e.SetBody("text/plain", "four") }, "l: 2\r\n|Content-Type: text/plain\r\nContent-Length: 4\r\n|hi|four"},
		{"no body", func(e *Edit) { e.SetBody("a/b", "c"); e.SetBody("", "") }, "l: 2\r\n|Content-Length: 0\r\n|hi|"},
		{"length dropped", func(e *Edit) { e.DropAll(ContentLength) }, "l: 2\r\n|Content-Length: 2\r\n"},
		{"length of one's own", func(e *Edit) { e.DropAll(ContentLength); e.Prepend(ContentLength, "2") }, "l: 2\r\n||v:|Content-Length: 2\r\nv:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mustParse(t, before)
			e := m.Edit()
			test.edit(&e)
			want := before
			if test.want != "" {
				want = strings.NewReplacer(strings.Split(test.want, "|")...).Replace(before)
			}
			if got := string(e.AppendTo([]byte("> "))); got != "> "+want {
				t.Errorf("got  %q\nwant %q", got, "> "+want)
			}
			if m.Raw() != before {
				t.Errorf("the message changed: %q", m.Raw())
			}
		})
	}
}

func TestEditAddsLength(t *testing.T) {
	m := mustParse(t, request+"C: a/b\r\ne: zip\r\n\r\nbody")
	e := m.Edit()
	if got, want := string(e.AppendTo(nil)), request+"C: a/b\r\ne: zip\r\nContent-Length: 4\r\n\r\nbody"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.SetBody("c/d", "x")
	if got, want := string(e.AppendTo(nil)), request+"Content-Type: c/d\r\nContent-Length: 1\r\n\r\nx"; got != want {
		t.Errorf("other body: got %q, want %q", got, want)
	}
}

// TestEditSpills makes more changes than an Edit has room for, on a message with more lines than are indexed inline.
func TestEditSpills(t *testing.T) {
	var raw, want strings.Builder
	raw.WriteString(request)
	want.WriteString(request)
	for i := range MaxLines {
		fmt.Fprintf(&raw, "Route: %d\r\n", i)
		if i%3 != 0 {
			fmt.Fprintf(&want, "Route: %d\r\n", i*(i%3))
		}
	}
	m := mustParse(t, raw.String()+"\r\n")
	e := m.Edit()
	for i := range MaxLines {
		switch i % 3 {
		case 0:
			e.Drop(i)
		case 2:
			e.Replace(i, fmt.Sprint(2*i))
		}
	}
	if got := string(e.AppendTo(nil)); got != want.String()+"Content-Length: 0\r\n\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestEditOutOfRange(t *testing.T) {
	m := mustParse(t, request+via+"\r\n")
	for _, i := range []int{-1, 1, inlineLines, MaxLines, 1 << 20} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Drop(%d) of one line does not panic", i)
				}
			}()
			e := m.Edit()
			e.Drop(i)
		}()
	}
}

func TestEditProxied(t *testing.T) {
	m := mustParse(t, invite)
	got := mustParse(t, string(proxied(m, nil)))
	if hops, _ := got.Header(MaxForwards); hops != "69" || got.Has(Route) || got.Count(RecordRoute) != 2 || got.Count(Via) != 2 {
		t.Errorf("got %q", got.Raw())
	}
	if v, _ := got.TopVia(); v.Branch != "z9hG4bKc5f02d1b77a94e2f" || got.RequestURI() != "sip:2042@198.51.100.9:5060;transport=tcp" {
		t.Errorf("got %q", got.Raw())
	}
	if got.Body() != m.Body() || got.Validate() != nil {
		t.Errorf("got %v, %q", got.Validate(), got.Body())
	}
}
