package message

import (
	"iter"
	"strings"
)

// Param finds a parameter by name, in any case, in a raw list ";a=b;c" (of a header or a URI; the first semicolon may be
// missing). Quotes are respected and taken off the value; backslashes inside stay (see [Unquote]). A parameter without a
// value is there with "". What follows a malformed one is not seen.
func Param(params, name string) (value string, ok bool) {
	for ok = true; params != "" && ok; {
		var n, v string
		n, v, params, ok = nextParam(params)
		if ok && sameFold(n, name) {
			return bareQuoted(v), true
		}
	}
	return "", false
}

// Params are all parameters of a raw list in order, values as Param gives them.
func Params(params string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := params; rest != ""; {
			n, v, next, ok := nextParam(rest)
			if rest = next; !ok || !yield(n, bareQuoted(v)) {
				return
			}
		}
	}
}

// Unquote resolves the backslashes of a quoted-string's inside (RFC 3261 25.1). Without any it returns s.
func Unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// nextParam takes the first parameter, ";" name [ "=" value ], off a list; the semicolon may be missing. Space may stand about
// each part. A value is a quoted string or valueChars.
func nextParam(list string) (name, value, rest string, ok bool) {
	list = skipSpace(list)
	if list != "" && list[0] == ';' {
		list = skipSpace(list[1:])
	}
	n := tokenChars.span(list)
	name, rest = list[:n], skipSpace(list[n:])
	if n > 0 && rest != "" && rest[0] == '=' {
		rest = skipSpace(rest[1:])
		n = spanParamValue(rest)
		value, rest = rest[:n], skipSpace(rest[n:])
	}
	return name, value, rest, n > 0 && (rest == "" || rest[0] == ';')
}

// validParams checks a list from its first semicolon on.
func validParams(list string) bool {
	ok := list == "" || list[0] == ';'
	for list != "" && ok {
		_, _, list, ok = nextParam(list)
	}
	return ok
}

func bareQuoted(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}

func spanParamValue(s string) int {
	if s != "" && s[0] == '"' {
		return spanQuoted(s)
	}
	return valueChars.span(s)
}
