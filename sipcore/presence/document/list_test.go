package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"carillon/store/live"
)

// A list as a phone reads it: with a parser that is not ours.
func TestList(t *testing.T) {
	bodies := [][]byte{DialogInfo("sip:201@x", 3, true, nil), PIDF("sip:202@x", live.State{})}
	contentType, body := List("sip:desk@x", 7, false, []Resource{
		{URI: "sip:201@x", Name: "Al & Ice", State: "active", Type: TypeDialogInfo, Body: bodies[0]},
		{URI: "sip:nobody@x", State: "terminated", Reason: "noresource"},
		{URI: "sip:202@x", State: "active", Type: TypePIDF, Body: bodies[1]},
		{URI: "sip:203@x"},
	})
	isGolden(t, "list", append([]byte("Content-Type: "+contentType+"\r\n\r\n"), body...))
	parts, types := partsOf(t, contentType, body)
	var list struct {
		URI       string `xml:"uri,attr"`
		Version   int    `xml:"version,attr"`
		Full      bool   `xml:"fullState,attr"`
		Resources []struct {
			URI      string `xml:"uri,attr"`
			Name     string `xml:"name"`
			Instance []struct {
				State  string `xml:"state,attr"`
				Reason string `xml:"reason,attr"`
				CID    string `xml:"cid,attr"`
			} `xml:"instance"`
		} `xml:"resource"`
	}
	_, params, _ := mime.ParseMediaType(contentType)
	if err := xml.Unmarshal(parts[params["start"]], &list); err != nil {
		t.Fatal(err)
	}
	if list.URI != "sip:desk@x" || list.Version != 7 || list.Full || len(list.Resources) != 4 || list.Resources[0].Name != "Al & Ice" ||
		list.Resources[1].Instance[0].Reason != "noresource" || len(list.Resources[3].Instance) != 0 {
		t.Errorf("the list reads as %+v", list)
	}
	for i, at := range []int{0, 2} {
		cid := "<" + list.Resources[at].Instance[0].CID + ">"
		if !bytes.Equal(parts[cid], bodies[i]) || types[cid] != []string{TypeDialogInfo, TypePIDF}[i] {
			t.Errorf("the part of %s is %q", list.Resources[at].URI, parts[cid])
		}
	}
}

func partsOf(t *testing.T, contentType string, body []byte) (parts map[string][]byte, types map[string]string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	parts, types = map[string][]byte{}, map[string]string{}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts, types
		}
		if err != nil {
			t.Fatal(err)
		}
		id := p.Header.Get("Content-ID")
		parts[id], _ = io.ReadAll(p)
		types[id] = p.Header.Get("Content-Type")
	}
}

// A text within a part cannot end it.
func TestNoTextEndsAPart(t *testing.T) {
	name := listName("sip:desk@x", 7)
	evil := "\r\n--" + name + "--\r\n"
	body := PIDF("sip:201@x", live.State{Tuples: []live.Presence{{Note: evil, IM: evil}}})
	contentType, list := List("sip:desk@x", 7, true, []Resource{{URI: evil, Name: evil, State: "active", Type: TypePIDF, Body: body}})
	if parts, _ := partsOf(t, contentType, list); len(parts) != 2 {
		t.Errorf("%d parts were read of\n%s", len(parts), list)
	}
}

func TestMessageSummary(t *testing.T) {
	for _, c := range []struct {
		in   Mailbox
		want string
	}{
		{Mailbox{Account: "sip:201@x", New: 2, Old: 8, UrgentOld: 2}, "Messages-Waiting: yes\r\nMessage-Account: sip:201@x\r\nVoice-Message: 2/8 (0/2)\r\n"},
		{Mailbox{}, "Messages-Waiting: no\r\nVoice-Message: 0/0 (0/0)\r\n"},
		{Mailbox{Account: "sip:a\r\nX: y", New: -1}, "Messages-Waiting: no\r\nVoice-Message: 0/0 (0/0)\r\n"},
	} {
		if got := string(MessageSummary(c.in)); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.in, got, strings.ReplaceAll(c.want, "\r\n", "|"))
		}
	}
}
