package sipcore

import (
	"encoding/xml"
	"net"
	"time"

	"carillon/test/house/wire"
)

// A lookout is a handset with the lamp of a user. Its handset's lock guards it.
type lookout struct {
	*handset

	of      string
	moods   []int // how the next NOTIFYs are answered: a status, 0: not at all, less: so many ms later
	sub     wire.Message
	tag     string
	remote  string
	target  string
	cseqOf  int
	shown   map[string]string // states by call and direction
	shaky   time.Time         // until then it may be wrong, by its own fault
	resting bool              // it has no subscription
}

// watches subscribes.
func (h *handset) watches(user string, moods []int) *lookout {
	w := &lookout{handset: h, of: user, moods: moods, tag: h.text()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watch = w
	w.subscribes()
	return w
}

func (w *lookout) subscribes() {
	uri := "sip:" + w.of + "@" + villageDomain
	w.remote, w.target, w.cseqOf, w.resting = "<"+uri+">", uri, 0, false
	w.tag = w.text()
	w.sub = w.request("SUBSCRIBE", uri, w.remote, w.text(), w.tag)
	w.shakes(2 * time.Second)
	w.subscribe(w.sub)
}

func (w *lookout) subscribe(m wire.Message) {
	m.Add("Event", "dialog")
	m.Add("Expires", "600")
	w.asks(m, func(r wire.Message) {
		switch {
		case r.Status() < 200:
		case r.Status() < 300:
			w.remote, w.target = r.Get("To"), wire.AddrURI(r.Get("Contact"))
		default:
			w.resting = true
			w.shakes(2 * time.Second)
			time.AfterFunc(500*time.Millisecond, func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.resting && !w.off && w.conn != nil {
					w.subscribes()
				}
			})
		}
	})
}

// refreshes asks within the subscription, and begins another when that is gone.
func (w *lookout) refreshes() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.off || w.conn == nil {
		return
	}
	w.shakes(3 * time.Second)
	w.subscribe(w.request("SUBSCRIBE", w.target, w.remote, w.sub.Get("Call-ID"), w.tag))
}

// shakes has nobody ask for a while what the lamp shows.
func (w *lookout) shakes(d time.Duration) {
	if until := time.Now().Add(d); until.After(w.shaky) {
		w.shaky = until
	}
}

// sees takes a NOTIFY, in the mood of the moment.
func (w *lookout) sees(m wire.Message, conn net.Conn) {
	mood := 200
	if len(w.moods) > 0 {
		mood, w.moods = w.moods[0], w.moods[1:]
	}
	switch {
	case m.Get("Call-ID") != w.sub.Get("Call-ID"):
		w.sends(m.Reply(481, "Not Mine", ""), conn)
		return
	case mood == 0:
		w.shakes(45 * time.Second)
		time.AfterFunc(40*time.Second, w.refreshes)
		return
	case mood == 481:
		w.sends(m.Reply(481, "Gone", ""), conn)
		w.subscribes()
		return
	case mood >= 300:
		w.shakes(12 * time.Second)
		w.sends(m.Reply(mood, "Trouble", ""), conn)
		return
	case mood < 0:
		late := time.Duration(-mood) * time.Millisecond
		w.shakes(late)
		time.AfterFunc(late, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sends(m.Reply(200, "OK", ""), conn)
		})
	default:
		w.sends(m.Reply(200, "OK", ""), conn)
	}
	w.reads(m)
}

func (w *lookout) reads(m wire.Message) {
	if m.CSeq() <= w.cseqOf {
		return // an older one
	}
	w.cseqOf = m.CSeq()
	var doc struct {
		Dialogs []struct {
			CallID    string `xml:"call-id,attr"`
			Direction string `xml:"direction,attr"`
			State     string `xml:"state"`
		} `xml:"dialog"`
	}
	if err := xml.Unmarshal([]byte(m.Body), &doc); err != nil {
		w.v.t.Errorf("a document: %v", err)
	}
	w.shown = make(map[string]string)
	for _, d := range doc.Dialogs {
		if d.State != "terminated" {
			w.shown[d.CallID+" "+d.Direction] = d.State
		}
	}
}
