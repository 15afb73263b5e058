package store

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxNumber = 64
	maxText   = 128
)

// isNumber reports whether s can be a user's number. What a SIP URI, a digest
// or a table would have to escape beyond '#' is left out.
func isNumber(s string) bool {
	return len(s) <= maxNumber && allBytes(s, func(c byte) bool { return isAlnum(c) || strings.IndexByte("._-*#+", c) >= 0 })
}

// isLabel reports whether s can be the name of a site or trunk.
func isLabel(s string) bool {
	return len(s) <= 63 && allBytes(s, func(c byte) bool { return isAlnum(c) || c == '-' || c == '_' })
}

// isHostname reports whether s is a DNS name or an IPv4 address.
func isHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// isHostPort reports whether s is a host, or a host and a port.
func isHostPort(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Port() > 0
	}
	host, port, found := strings.Cut(s, ":")
	if !found {
		return isHostname(host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && isHostname(host)
}

// isE164 reports whether s is a whole international number: + and up to 15 digits.
func isE164(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 2 && len(digits) <= 15 && digits[0] != '0' && allBytes(digits, isDigit)
}

// meantE164 says how s should be written.
func meantE164(s string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-/()", r) {
			return -1
		}
		return r
	}, s)
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		digits = "+" + rest
	}
	if isE164(digits) {
		return "did you mean " + strconv.Quote(digits) + "?"
	}
	return `write it with country code, like "+3265551201"`
}

// rightPrefix returns the network that p means: host bits cleared, and an IPv4
// network when it is written as an IPv6 one.
func rightPrefix(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return p, errors.New("write one like 192.0.2.0/24")
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%s covers more than IPv4", p)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// isText reports whether s can be shown to people and put into a header.
func isText(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxText &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func isHex(s string, n int) bool {
	return len(s) == n && allBytes(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
}

// allBytes reports whether s is not empty and ok holds for each byte.
func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// clip shortens what a message repeats of a value.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i > most {
			return s[:i] + "..."
		}
	}
	return s
}
