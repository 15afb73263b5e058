package sipcore

import (
	"fmt"
	"sync"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// An affair is what is true of a call, whatever its phones know.
type affair struct {
	owner string

	mu       sync.Mutex
	canceled bool
	answered bool
	declined bool // by one for all
	over     bool
	lost     bool            // its node has forgotten it
	ended    map[string]bool // by the tag of the callee
	unsure   time.Time
}

func (a *affair) doubt(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until := time.Now().Add(d); until.After(a.unsure) {
		a.unsure = until
	}
}

func (a *affair) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (v *village) affair(m wire.Message, owner string) *affair {
	key := fmt.Sprint(m.Get("Call-ID"), wire.Param(m.Get("From"), "tag"), m.CSeq())
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.affairs[key]
	if a == nil {
		a = &affair{owner: owner, ended: make(map[string]bool)}
		v.affairs[key] = a
	}
	return a
}

// shows returns what of a lamp the talk lights, if it is sure.
func (x *talk) shows() (state live.DialogState, sure bool) {
	a := x.affair
	a.mu.Lock()
	defer a.mu.Unlock()
	state, sure = x.state, time.Now().After(a.unsure) && (x.calls || x.acked || x.state != live.Confirmed)
	callee := x.tag
	if x.calls {
		callee = wire.Param(x.remote, "tag")
	}
	switch {
	case a.lost || state == live.Confirmed && a.ended[callee]:
		state = live.Terminated
	case state == live.Confirmed:
	case a.canceled || a.over || (a.answered || a.declined) && !x.calls:
		state = live.Terminated
	}
	return state, sure
}
