package message

import "strings"

// startLine reads the first line. On an error the method and the Request-URI are what could be made out.
func (m *Message) startLine(s string) *SyntaxError {
	if len(s) >= 4 && sameFold(s[:4], "SIP/") {
		return m.statusLine(s)
	}
	return m.requestLine(s)
}

// requestLine reads "INVITE sip:bob@biloxi.example SIP/2.0": exactly one space between (RFC 3261 7.1).
func (m *Message) requestLine(s string) *SyntaxError {
	i, j := strings.IndexByte(s, ' '), strings.LastIndexByte(s, ' ')
	if i <= 0 || i == j {
		return bad("Bad request line")
	}
	m.method = MethodOf(s[:i])
	m.from, m.to = offset(i+1), offset(j)
	if wrong := checkVersion(s[j+1:]); wrong != nil {
		return wrong
	}
	if !isToken(s[:i]) {
		return bad("Bad method")
	}
	if strings.ContainsAny(s[i+1:j], linearSpace) || i+1 == j {
		return bad("Bad Request-URI")
	}
	return nil
}

// statusLine reads "SIP/2.0 200 OK" (RFC 3261 7.2). The space behind the code may be missing with the phrase.
func (m *Message) statusLine(s string) *SyntaxError {
	version, rest, _ := strings.Cut(s, " ")
	code, phrase, _ := strings.Cut(rest, " ")
	n, ok := parseNumber[uint16](code, 699)
	m.status = max(1, n)
	m.from, m.to = offset(len(s)-len(phrase)), offset(len(s))
	if wrong := checkVersion(version); wrong != nil {
		return wrong
	}
	if !ok || len(code) != 3 || n < 100 || strings.IndexByte(phrase, '\n') >= 0 {
		return bad("Bad status line")
	}
	return nil
}

// checkVersion tells another version of SIP from no version.
func checkVersion(s string) *SyntaxError {
	if s == "SIP/2.0" || sameFold(s, "SIP/2.0") {
		return nil
	}
	if len(s) < 4 || !sameFold(s[:4], "SIP/") {
		return bad("Bad start line")
	}
	major, minor, _ := strings.Cut(s[4:], ".")
	if !isDigits(major) || !isDigits(minor) {
		return bad("Bad start line")
	}
	return &SyntaxError{Status: 505, Reason: "Version Not Supported"}
}

func isDigits(s string) bool {
	_, ok := parseNumber(s, 1<<31)
	return ok
}
