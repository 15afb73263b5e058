package live

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"carillon/store"
)

// Settings say how what the sources say of a user becomes one State. They have
// the names that the merge has in the configuration.
type Settings struct {
	Merge              bool         // one Presence is told; otherwise one of each source
	ImToRPIDF          bool         // the status of Snom's publications becomes an activity
	MixDialogPresence  bool         // who is in a call is on the phone
	MergePrimarySource string       // whose publications are primary: a Source, or a /regular expression/ for it
	PrimaryPublisher   string       // or this user's, of whomever they are
	Order              []SourceKind // what counts first; a kind that is not in it does not count

	primary *regexp.Regexp // of MergePrimarySource, if it is one
}

// DefaultSettings returns what holds unless the configuration says otherwise.
func DefaultSettings() Settings {
	return Settings{
		Merge: true, ImToRPIDF: true, MixDialogPresence: true,
		Order: []SourceKind{FromDialog, FromPrimary, FromPublish, FromRegistration},
	}
}

// Compiled returns s ready for use; an error if its primary source is a regular
// expression that is none.
func (s Settings) Compiled() (Settings, error) {
	s.primary = nil
	pattern, isPattern := patternOf(s.MergePrimarySource)
	if !isPattern {
		return s, nil
	}
	var err error
	s.primary, err = regexp.Compile("(?i)" + pattern)
	return s, err
}

// patternOf returns the regular expression between two slashes.
func patternOf(source string) (string, bool) {
	if len(source) < 2 || source[0] != '/' || source[len(source)-1] != '/' {
		return "", false
	}
	return source[1 : len(source)-1], true
}

// State returns what is told of a user about whom said is said, without its
// version. The order of said does not matter: the kinds count in the order of the
// settings, and of one kind what was published last, then the larger ID, then the
// larger node.
func (s *Settings) State(said []Presence) State {
	list := s.Ranked(said)
	if s.Merge && len(list) > 1 {
		list = list[:1]
	}
	return State{Tuples: list}
}

// Ranked returns what counts of what is said, what counts most first.
func (s *Settings) Ranked(said []Presence) []Presence {
	var list []Presence
	for _, p := range said {
		if p = s.seen(p); !p.Gone && s.counts(p.Kind) && !slices.ContainsFunc(said, func(q Presence) bool { return p.isOutdoneBy(&q) }) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(x, y Presence) int {
		return cmp.Or(
			cmp.Compare(slices.Index(s.Order, x.Kind), slices.Index(s.Order, y.Kind)),
			-x.compare(&y),
		)
	})
	return list
}

// seen returns p as the settings have it.
func (s *Settings) seen(p Presence) Presence {
	if p.Kind == FromPublish && s.isPrimary(&p) {
		p.Kind = FromPrimary
	}
	if s.ImToRPIDF && p.IM != "" {
		activity, note := ofIM(p.IM)
		if p.Activity == "" {
			p.Activity = activity
		}
		if p.Note == "" {
			p.Note = note
		}
		p.IM = ""
	}
	return p
}

// isPrimary reports whether p is of the primary source. Who a publisher is was proven; what
// a phone calls itself was not, and counts for none of the system's own sources.
func (s *Settings) isPrimary(p *Presence) bool {
	switch {
	case s.PrimaryPublisher != "":
		return !p.Fixed && s.PrimaryPublisher == cmp.Or(p.By, p.User)
	case !p.Fixed && isOfTheSystem(p.Source):
		return false
	case s.primary != nil:
		return s.primary.MatchString(p.Source)
	default:
		return s.MergePrimarySource != "" && strings.EqualFold(s.MergePrimarySource, p.Source)
	}
}

func isOfTheSystem(source string) bool {
	return strings.EqualFold(source, FromAPI) || strings.EqualFold(source, FromCalendar)
}

func (s *Settings) counts(k SourceKind) bool {
	return slices.Contains(s.Order, k) && (k != FromDialog || s.MixDialogPresence)
}

// compare orders what is said by sources of one kind.
func (p *Presence) compare(q *Presence) int {
	return cmp.Or(cmp.Compare(p.Stamp, q.Stamp), cmp.Compare(p.ID, q.ID), cmp.Compare(p.Node, q.Node))
}

// isOutdoneBy reports whether q is what the same source has said later, to another
// node.
func (p *Presence) isOutdoneBy(q *Presence) bool {
	return p.ID != "" && q.ID == p.ID && q.Node != p.Node && p.compare(q) < 0
}

// repeats reports whether p says what q said, by the same source.
func (p *Presence) repeats(q *Presence) bool {
	return p.Source == q.Source && p.By == q.By && p.Gone == q.Gone && p.tells(q)
}

// tells reports whether a watcher is told the same of both.
func (p *Presence) tells(q *Presence) bool {
	return p.Open == q.Open && p.Activity == q.Activity && p.Note == q.Note && p.IM == q.IM
}

// tells reports whether a watcher is told the same by both.
func (s State) tells(t State) bool {
	return slices.EqualFunc(s.Tuples, t.Tuples, func(p, q Presence) bool { return p.tells(&q) })
}

// SettingsOf returns the settings that a configuration has.
func SettingsOf(p store.Presence) Settings {
	s := Settings{
		Merge: !p.Composed, ImToRPIDF: !p.KeepsIM, MixDialogPresence: !p.CallsApart, MergePrimarySource: p.PrimarySource,
	}
	if user, is := p.Publisher(); is {
		s.MergePrimarySource, s.PrimaryPublisher = "", user
	}
	for _, word := range p.Order {
		if kind, ok := SourceKindOf(word); ok {
			s.Order = append(s.Order, kind)
		}
	}
	return s
}
