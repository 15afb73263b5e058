package crowd

import (
	"crypto/rand"

	"carillon/test/house/wire"
)

// asked takes a request.
func (p *phone) asked(m wire.Message) {
	key := serverKey(m)
	p.mu.Lock()
	again, l := p.repeats[key], p.calls[m.Get("Call-ID")]
	p.mu.Unlock()
	switch method := m.Method(); {
	case method == "ACK":
		if l != nil {
			l.acknowledged()
		}
	case again != "":
		p.send(again)
	case method == "INVITE" && l == nil:
		p.invited(m)
	case method == "CANCEL" && l != nil:
		p.respond(m, 200, "OK", "")
		l.cancelled()
	case method == "BYE" && l != nil:
		p.respond(m, 200, "OK", "")
		l.hungUp()
	case method == "OPTIONS":
		p.respond(m, 200, "OK", rand.Text())
	default:
		p.respond(m, 481, "Call Does Not Exist", rand.Text())
	}
}

// serverKey names a request among those received, apart from those sent.
func serverKey(m wire.Message) string {
	via := append(m.All("Via"), "")[0]
	return "< " + wire.Param(via, "branch") + " " + m.Method()
}

// respond answers a request, and its repetitions likewise.
func (p *phone) respond(m wire.Message, status int, reason, tag string, lines ...wire.Header) string {
	answer := m.Reply(status, reason, tag)
	answer.Headers = append(answer.Headers, lines...)
	text := answer.String()
	p.repeatOn(serverKey(m), text)
	p.send(text)
	return text
}
