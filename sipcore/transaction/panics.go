package transaction

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// panics are those of owners of timers. Each ends what it happened to and not
// the wheel; they are counted, and logged once a second at most.
type panics struct {
	count  atomic.Uint64
	logger atomic.Pointer[slog.Logger]
	logged time.Time // touched by the wheel's Run alone
}

// call lets one timer expire.
func (p *panics) call(e expiry) {
	defer p.recovered()
	e.owner.Expire(e.timer)
}

// recovered, deferred, ends a panic. The log says where, but not with what: a
// message is nobody's but its sender's.
func (p *panics) recovered() {
	r := recover()
	if r == nil {
		return
	}
	p.count.Add(1)
	logger := p.logger.Load()
	if logger == nil || time.Since(p.logged) < time.Second {
		return
	}
	p.logged = time.Now()
	what := fmt.Sprintf("%T", r)
	if err, ok := r.(runtime.Error); ok {
		what = err.Error()
	}
	logger.Error("a timer made its owner panic", "panic", what, "stack", string(debug.Stack()))
}
