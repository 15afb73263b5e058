package house

import (
	"crypto/rand"
	"fmt"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Registers registers the phone and returns the status of the answer.
func (p *Phone) Registers() int {
	p.h.tb.Helper()
	return p.RegistersAs(p.User, Password, "Expires: 3600")
}

// Unregisters takes the phone's registration back.
func (p *Phone) Unregisters() int {
	p.h.tb.Helper()
	return p.RegistersAs(p.User, Password, "Expires: 0")
}

// RegistersAs registers with another name, password and lines, and returns the
// status of the answer.
func (p *Phone) RegistersAs(user, password string, lines ...string) int {
	p.h.tb.Helper()
	aor := fmt.Sprintf("<sip:%s@%s>", p.User, Domain)
	lines = append([]string{p.from(rand.Text()), "Contact: " + p.Contact()}, lines...)
	return p.asks(p.text("REGISTER", "sip:"+Domain, aor, p.id, p.nextCSeq(), lines...), user, password)
}

// Asks sends a request outside a dialog, answers a challenge with the phone's
// own password, and returns the status of the last answer.
func (p *Phone) Asks(method, uri string, lines ...string) int {
	p.h.tb.Helper()
	lines = append([]string{p.from(rand.Text()), "Contact: " + p.Contact()}, lines...)
	return p.asks(p.text(method, uri, "<"+uri+">", rand.Text(), p.nextCSeq(), lines...), p.User, Password)
}

// asks sends a request and returns the status of its final response, having
// answered one challenge. 0 is no answer at all.
func (p *Phone) asks(text, user, password string) int {
	p.h.tb.Helper()
	ctx, cancel := p.h.context()
	defer cancel()
	req, err := p.parse(text)
	if err != nil {
		p.h.fatal("%s: %v", p.User, err)
	}
	res, err := p.client.Do(ctx, req, asIs)
	if err == nil && challenge(res) {
		p.nextCSeq() // sipgo counts CSeq on
		res, err = p.client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: user, Password: password})
	}
	if err != nil {
		p.h.tb.Logf("%s asks with %s: %v", p.User, req.Method, err)
		return 0
	}
	return res.StatusCode
}

func challenge(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}
