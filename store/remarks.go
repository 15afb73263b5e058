package store

import (
	"fmt"
	"slices"
	"strings"
)

// Remarks returns what next brings with it that an administrator may not expect,
// and old did not: nothing of it is wrong.
func Remarks(old, next *View) []Line {
	known := remarks(old)
	return slices.DeleteFunc(remarks(next), func(l Line) bool {
		return slices.ContainsFunc(known, func(k Line) bool { return k.Text == l.Text })
	})
}

func remarks(v *View) (all []Line) {
	for _, t := range v.config.Trunks {
		if l, ok := v.hides(t); ok {
			all = append(all, l)
		}
	}
	for _, u := range v.config.Users {
		if l, ok := u.overhears(); ok {
			all = append(all, l)
		}
	}
	if len(v.config.Trunks) == 0 {
		return all
	}
	for _, s := range v.config.Sites {
		if l, ok := s.believes(); ok {
			all = append(all, l)
		}
	}
	return all
}

// hides says that a trunk's carrier stands where phones do.
func (v *View) hides(t Trunk) (Line, bool) {
	at := t.At().Addr()
	site := v.Network(at).Site
	return remark("trunk %s: %s is in a network of site %s: whoever speaks from there is the carrier, so no phone behind this address can register, nor call, for help neither",
		t.Name, at, site), site != ""
}

// believes says that a site's calls are trusted where a source address proves nothing.
func (s Site) believes() (Line, bool) {
	var open []string
	for _, p := range s.Networks {
		if n := s.network(p); n.CallsTrusted && n.Takes(UDP) {
			open = append(open, p.String())
		}
	}
	return remark("site %s: calls from %s are trusted, over UDP too: whoever can send with a forged address of it calls out by your trunks (calls: challenged, or transports without udp, prevent it)",
		s.Name, strings.Join(open, " ")), len(open) > 0
}

func remark(format string, args ...any) Line {
	return Line{Sign: "!", Text: fmt.Sprintf(format, args...)}
}
