package store

import "strings"

// Nearest returns `: did you mean "x"?` for the one of known that s may have
// been meant to be, or "" when none is near.
func Nearest(s string, known []string) string {
	if len(s) > 64 {
		return ""
	}
	best, least := "", 1+len(s)/3
	for _, k := range known {
		if strings.EqualFold(s, k) {
			return meant(k)
		}
		if d := distance(strings.ToLower(s), strings.ToLower(k), least); d <= least && (d < least || best == "") {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return meant(best)
}

func meant(s string) string { return `: did you mean "` + s + `"?` }

// distance returns the number of bytes to insert, delete, replace or swap with
// a neighbour to make b of a; any number above most if it is more than most.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	above, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], above[j-2]+1)
			}
		}
		above, last, now = last, now, above
	}
	return last[len(b)]
}
