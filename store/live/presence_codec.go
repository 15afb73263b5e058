package live

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"carillon/store"
)

// What is published is told to other nodes in this form, which has the words of
// the domain and no XML: the version, flags, the activity as its place in
// store.Activities counted from 1, the stamp, the lifetime in seconds, the source, the
// note, the im: status, who has published it if not the user. Texts that are empty at the end are left out. A reader
// ignores what follows.

const (
	presenceOpen = 1 << iota
	presenceGone
	presenceFixed
)

const (
	mostID       = 64
	mostSource   = 64
	mostNote     = 256
	mostIM       = 64
	mostBy       = 128
	mostLifetime = 7 * 24 * time.Hour
)

// isSound reports whether x is fit for the table.
func (x *Presence) isSound() bool {
	return x.User != "" && !strings.Contains(x.User, separator) && x.ID != "" && len(x.ID) <= mostID &&
		len(x.Source) <= mostSource && len(x.Note) <= mostNote && len(x.IM) <= mostIM && len(x.By) <= mostBy &&
		x.Expires >= time.Second && x.Expires <= mostLifetime && x.Stamp >= 0 &&
		(x.Activity == "" || IsActivity(x.Activity)) && isText(x.ID) && isText(x.Source) && isText(x.Note) && isText(x.IM) && isText(x.By)
}

// isText reports whether s can be shown to people: UTF-8 without control
// characters.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// presenceKey names x in journals.
func presenceKey(x *Presence) string { return x.User + separator + x.ID }

// shared returns what other nodes are told.
func (x *Presence) shared() []byte {
	var flags byte
	if x.Open {
		flags |= presenceOpen
	}
	if x.Gone {
		flags |= presenceGone
	}
	if x.Fixed {
		flags |= presenceFixed
	}
	dst := append([]byte(nil), codecVersion, flags, byte(1+slices.Index(store.Activities(), x.Activity))) //nolint:gosec // a place in a short list
	dst = binary.AppendUvarint(dst, uint64(x.Stamp))                                                      //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(x.Expires/time.Second))                                        //nolint:gosec // not negative
	texts := []string{x.Source, x.Note, x.IM, x.By}
	for len(texts) > 0 && texts[len(texts)-1] == "" {
		texts = texts[:len(texts)-1]
	}
	for _, s := range texts {
		dst = appendText(dst, s)
	}
	return dst
}

// parsePresence reads what shared returned under key; no value is what is
// over.
func parsePresence(key, value string) (Presence, error) {
	user, id, ok := splitKey(key)
	x := Presence{User: user, ID: id, Kind: FromPublish}
	if value == "" && ok {
		return x, nil
	}
	r := reader{data: value, bad: !ok}
	r.version()
	flags, activity := r.byte(), int(r.byte())
	x.Open, x.Gone, x.Fixed = flags&presenceOpen != 0, flags&presenceGone != 0, flags&presenceFixed != 0
	x.Activity = activityAt(activity)
	x.Stamp = int64(r.number(math.MaxInt64))                                            //nolint:gosec // bounded
	x.Expires = time.Duration(r.number(uint64(mostLifetime/time.Second))) * time.Second //nolint:gosec // bounded
	for _, text := range []*string{&x.Source, &x.Note, &x.IM, &x.By} {
		if r.data != "" {
			*text = r.text()
		}
	}
	if r.bad || !x.isSound() {
		return Presence{}, ErrPresence
	}
	return x, nil
}

// activityAt returns the activity at a place counted from 1. One that only a later
// version knows is another.
func activityAt(place int) string {
	switch all := store.Activities(); {
	case place == 0:
		return ""
	case place > len(all):
		return Other
	default:
		return all[place-1]
	}
}
