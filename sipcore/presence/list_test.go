package presence

import (
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// lists are the NOTIFYs of a list that came, as a phone reads them: "0 full 201= 203=early"
// is version 0 with all members, of whom 203 rings.
func (p *phone) lists() (read []string) {
	p.rig.t.Helper()
	for _, m := range p.got() {
		if m.IsRequest() {
			read = append(read, readList(p.rig.t, m))
		}
	}
	return slices.Compact(read)
}

func readList(tb testing.TB, m *message.Message) string {
	tb.Helper()
	if !m.HasToken(message.Require, "eventlist") {
		tb.Errorf("a NOTIFY of a list without Require: eventlist")
	}
	kind, _ := m.Header(message.ContentType)
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		tb.Fatalf("%v in %q", err, kind)
	}
	parts := make(map[string]string)
	for r := multipart.NewReader(strings.NewReader(m.Body()), params["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		text, _ := io.ReadAll(part)
		parts[strings.Trim(part.Header.Get("Content-ID"), "<>")] = strings.ReplaceAll(string(text), `<dialog id="idle"><state>terminated</state></dialog>`, "")
	}
	var list struct {
		Version   int  `xml:"version,attr"`
		Full      bool `xml:"fullState,attr"`
		Resources []struct {
			URI      string `xml:"uri,attr"`
			Instance struct {
				State  string `xml:"state,attr"`
				Reason string `xml:"reason,attr"`
				CID    string `xml:"cid,attr"`
			} `xml:"instance"`
		} `xml:"resource"`
	}
	if err := xml.Unmarshal([]byte(parts[strings.Trim(params["start"], "<>")]), &list); err != nil {
		tb.Fatal(err)
	}
	says := fmt.Sprint(list.Version)
	if list.Full {
		says += " full"
	}
	for _, r := range list.Resources {
		var doc struct {
			Entity string   `xml:"entity,attr"`
			States []string `xml:"dialog>state"`
		}
		if body, ok := parts[r.Instance.CID]; ok {
			if err := xml.Unmarshal([]byte(body), &doc); err != nil || doc.Entity != r.URI {
				tb.Errorf("%v: a document of %s for %s", err, doc.Entity, r.URI)
			}
		}
		user, _, _ := strings.Cut(strings.TrimPrefix(r.URI, "sip:"), "@")
		says += " " + user + "=" + strings.Join(doc.States, ",") + r.Instance.Reason
	}
	if state, _ := m.Header(message.SubscriptionState); strings.HasPrefix(state, "terminated") {
		says += " " + state
	}
	return says
}

// inList runs a story of a phone whose user 202 has the lamps 201 and 203.
func inList(t *testing.T, k transport.Kind, left int, want []string, story func(r *rig, p *phone)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.lamps("201", "203")
		p := r.phone(k, "127.0.0.2:5062")
		p.asksFor("lamps", "Supported: eventlist\r\n")
		p.settles()
		story(r, p)
		p.settles()
		if got := p.lists(); !slices.Equal(got, want) {
			t.Errorf("it saw\n %s, want\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
		}
		r.n.mu.Lock()
		defer r.n.mu.Unlock()
		if len(r.n.subs) != left || left == 0 && len(r.n.resources)+len(r.n.watchers) > 0 {
			t.Errorf("left are %d subscriptions, %d resources and %d watchers, want %d", len(r.n.subs), len(r.n.resources), len(r.n.watchers), left)
		}
	})
}

// lamps gives 202 other lamps.
func (r *rig) lamps(numbers ...string) {
	r.view = store.NewView(store.Config{Domain: domain, Users: []store.User{{Number: "201"}, {Number: "202", Lamps: numbers}, {Number: "203"}}})
	r.n.Configured(r.view)
}

func TestAListIsWatchedAsOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		left  int
		want  []string
		story func(r *rig, p *phone)
	}{
		{"those alone who changed", 1, []string{"0 full 201= 203=", "1 201=early", "2 203=confirmed", "3 201=terminated"}, func(r *rig, p *phone) {
			r.dialogs.Put(ringing("201", live.Early))
			p.settles()
			r.dialogs.Put(ringing("203", live.Confirmed))
			p.settles()
			r.dialogs.Put(ringing("nobody", live.Confirmed))
			r.dialogs.Delete(ringing("201", live.Early))
		}},
		{"many changes while it answers", 1, []string{"0 full 201= 203=", "1 201=early", "2 201=confirmed 203=early"}, func(r *rig, p *phone) {
			p.answer = 0
			r.dialogs.Put(ringing("201", live.Early))
			p.settles()
			late := p.got()[len(p.got())-1:]
			for _, s := range []live.DialogState{live.Early, live.Confirmed} {
				r.dialogs.Put(ringing("201", s))
				p.settles()
			}
			r.dialogs.Put(ringing("203", live.Early))
			p.settles()
			p.answer, p.todo = 200, late
		}},
		{"all of them at a refresh", 1, []string{"0 full 201= 203=", "1 203=early", "2 full 201= 203=early"}, func(r *rig, p *phone) {
			r.dialogs.Put(ringing("203", live.Early))
			p.settles()
			p.again(p.got()[0], 2, "")
		}},
		{"all of them when one was not taken", 1, []string{"0 full 201= 203=", "1 203=early", "2 full 201= 203=early"}, func(r *rig, p *phone) {
			p.answer = 503
			r.dialogs.Put(ringing("203", live.Early))
			p.settles()
			p.answer = 200
			time.Sleep(tryAgain + time.Second)
		}},
		{"it is taken back", 0, []string{"0 full 201= 203=", "1 full 201= 203= terminated;reason=timeout"}, func(_ *rig, p *phone) {
			p.again(p.got()[0], 2, "Expires: 0\r\n")
		}},
		{"the configuration changes", 1, []string{"0 full 201= 203=", "1 full 203= 202= 201=", "2 201=early"}, func(r *rig, p *phone) {
			r.lamps("203", "202", "201")
			p.settles()
			r.lamps("203", "202", "201")
			r.dialogs.Put(ringing("201", live.Early))
		}},
		{"somebody is watched no more", 1, []string{"0 full 201= 203=", "1 full 203="}, func(r *rig, p *phone) {
			r.lamps("203")
			p.settles()
			r.dialogs.Put(ringing("201", live.Early))
		}},
		{"the lamps are taken away", 0, []string{"0 full 201= 203=", "1 full 201= 203= terminated;reason=noresource"}, func(r *rig, p *phone) {
			r.lamps()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inList(t, transport.TCP, c.left, c.want, c.story)
		})
	}
}

// A list whose documents are larger than one message takes is told in several.
func TestALargeListIsToldInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		var users []store.User
		var lamps []string
		for i := range 60 {
			number := fmt.Sprint(300 + i)
			lamps, users = append(lamps, number), append(users, store.User{Number: number})
			for call := range 4 {
				d := ringing(number, live.Early)
				d.Call, d.CallID = fmt.Sprint(call, strings.Repeat("x", 100)), fmt.Sprint(call)
				r.dialogs.Put(d)
			}
		}
		r.view = store.NewView(store.Config{Domain: domain, Users: append(users, store.User{Number: "202", Lamps: lamps})})
		p := r.phone(transport.TCP, "127.0.0.2:5062")
		p.asksFor("lamps", "Supported: eventlist\r\n")
		p.settles()
		seen := make(map[string]bool)
		for i, says := range p.lists() {
			if strings.Contains(says, "full") != (i == 0) {
				t.Errorf("NOTIFY %d is %q", i, says)
			}
			for word := range strings.FieldsSeq(says) {
				if user, states, _ := strings.Cut(word, "="); states != "" {
					seen[user] = true
				}
			}
		}
		for _, m := range p.got() {
			if n := len(m.Body()); n > 60<<10 {
				t.Errorf("a NOTIFY of %d bytes", n)
			}
		}
		if len(seen) != 60 || len(p.lists()) < 2 {
			t.Errorf("%d lamps were shown in %d NOTIFYs", len(seen), len(p.lists()))
		}
	})
}
