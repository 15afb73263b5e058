package browse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Key is one key: a character, or one of those that have names.
type Key string

// The keys that are no characters.
const (
	Up        Key = "<up>"
	Down      Key = "<down>"
	Left      Key = "<left>"
	Right     Key = "<right>"
	PageUp    Key = "<page up>"
	PageDown  Key = "<page down>"
	Home      Key = "<home>"
	End       Key = "<end>"
	Enter     Key = "<enter>"
	Escape    Key = "<escape>"
	Backspace Key = "<backspace>"
	F2        Key = "<f2>"
	Interrupt Key = "<interrupt>"
	nothing   Key = ""
)

// isText reports whether a key is a character.
func (k Key) isText() bool { return utf8.RuneCountInString(string(k)) == 1 }

// sequences is what terminals send for keys: xterm, the console of Linux, and
// the VT220 that screen and tmux play.
func sequences() map[string]Key {
	return map[string]Key{
		"[A": Up, "[B": Down, "[C": Right, "[D": Left, "OA": Up, "OB": Down, "OC": Right, "OD": Left,
		"[5~": PageUp, "[6~": PageDown, "[H": Home, "[F": End, "OH": Home, "OF": End,
		"[1~": Home, "[4~": End, "[7~": Home, "[8~": End, "OQ": F2, "[12~": F2, "[[B": F2,
	}
}

// KeysOf cuts what a terminal has sent into keys. An escape that nothing follows
// is the key itself; a sequence that is not known is none.
func KeysOf(sent string) []Key {
	var keys []Key
	for sent != "" {
		k, n := firstKey(sent)
		if sent = sent[n:]; k != nothing {
			keys = append(keys, k)
		}
	}
	return keys
}

func firstKey(sent string) (k Key, n int) {
	if rest, ok := strings.CutPrefix(sent, "\x1b"); ok {
		return escaped(rest)
	}
	switch sent[0] {
	case '\r', '\n':
		return Enter, 1
	case '\x7f', '\b':
		return Backspace, 1
	case '\x03':
		return Interrupt, 1
	}
	r, n := utf8.DecodeRuneInString(sent)
	if !unicode.IsGraphic(r) || r == utf8.RuneError {
		return nothing, n
	}
	return Key(sent[:n]), n
}

// escaped returns the key of a sequence behind an escape, and the length of all.
func escaped(rest string) (k Key, n int) {
	if rest == "" || rest[0] != '[' && rest[0] != 'O' {
		return Escape, 1
	}
	for n = 2; n <= len(rest); n++ {
		if k, ok := sequences()[rest[:n]]; ok {
			return k, 1 + n
		}
		if last := rest[n-1]; last >= '@' && last <= '~' && last != '[' {
			return nothing, 1 + n
		}
	}
	return nothing, 1 + len(rest)
}
