package scenario

import (
	"fmt"
	"slices"
	"strings"

	"carillon/test/house/wire"
)

// A phone can do these things instead of sending a message.
const (
	disconnects = "(disconnects)"
	connects    = "(connects)"
)

// do performs a line of a phone.
func (r *run) do(l Line) error {
	switch l.Start {
	case disconnects:
		p, err := r.phone(l.Phone)
		if err != nil {
			return err
		}
		return p.conn.Close()
	case connects:
		p, err := r.phone(l.Phone)
		if err != nil {
			return err
		}
		return r.connect(p.name, p.conn.Transport)
	}
	p, err := r.phone(l.Phone)
	if err != nil {
		return err
	}
	m, err := r.compose(p, l)
	if err != nil {
		return err
	}
	return p.send(m)
}

// compose builds the message of a line with its headers.
func (r *run) compose(p *phone, l Line) (wire.Message, error) {
	var m wire.Message
	var err error
	if l.Start[0] >= '1' && l.Start[0] <= '9' {
		m, err = p.respond(l.Start, cseqOf(l))
	} else {
		m, err = p.request(l.Start)
	}
	if err != nil {
		return m, err
	}
	for i, c := range l.Parts {
		if again := slices.ContainsFunc(l.Parts[:i], func(x Column) bool { return x.Name == c.Name }); again {
			m.Add(c.Name, c.Value)
			continue
		}
		if err := r.put(p, &m, c); err != nil {
			return m, err
		}
	}
	return m, nil
}

// cseqOf returns which request a response is for: a column CSeq=METHOD, which
// is not a header here.
func cseqOf(l Line) string {
	for _, c := range l.Parts {
		if c.Name == "CSeq" {
			return c.Value
		}
	}
	return ""
}

// put sets one header of a phone's message.
func (r *run) put(p *phone, m *wire.Message, c Column) error {
	switch {
	case c.Name == "sdp":
		m.Set("Content-Type", "application/sdp")
		m.Body = sdp(c.Value)
	case c.Name == bodyColumn:
		return r.putBody(m, c.Value)
	case c.Value == absent:
		m.Drop(c.Name)
	case c.Name == "CSeq" && !m.Request():
	case c.Name == "Authorization" || c.Name == "Proxy-Authorization":
		answer, err := r.credentials(p, *m, c.Value)
		if err != nil {
			return err
		}
		m.Set(c.Name, answer)
	case (c.Name == "From" || c.Name == "To") && isUser(c.Value):
		value := p.aor(c.Value)
		if tag := wire.Param(m.Get(c.Name), "tag"); tag != "" {
			value += ";tag=" + tag
		}
		m.Set(c.Name, value)
	case c.Name == "Contact" && c.Value == "":
		m.Set(c.Name, p.contact())
	default:
		m.Set(c.Name, strings.NewReplacer("$contact", p.contact(), "$etag", p.etag).Replace(c.Value))
	}
	return nil
}

func isUser(s string) bool { return !strings.ContainsAny(s, "<>:;@ ") }

// credentials answers the last challenge the phone got. Who is "alice", who
// knows her password, or "alice:guess", who does not.
func (r *run) credentials(p *phone, m wire.Message, who string) (string, error) {
	user, password, guessed := strings.Cut(who, ":")
	if !guessed {
		password = r.system.Password(user)
	}
	name := "WWW-Authenticate"
	if p.challenge.Status() == 407 {
		name = "Proxy-Authenticate"
	}
	if !p.challenge.Has(name) {
		return "", fmt.Errorf("%s was not challenged yet", p.name)
	}
	p.proved++
	answer, err := wire.Credentials{User: user, Password: password, Count: p.proved}.Answer(p.challenge.Get(name), m.Method(), m.URI())
	if err != nil {
		return "", fmt.Errorf("answering the challenge: %w", err)
	}
	return answer, nil
}
