package browse

// A scroll is a place in something longer than the screen.
type scroll struct {
	at  int // the chosen one
	top int // the first that is seen
}

// move takes the keys that choose another of n, of which page fit.
func (s *scroll) move(k Key, n, page int) (moved bool) {
	switch k {
	case Up, "k":
		s.at--
	case Down, "j":
		s.at++
	case PageUp:
		s.at -= page
	case PageDown:
		s.at += page
	case Home, "g":
		s.at = 0
	case End, "G":
		s.at = n - 1
	default:
		return false
	}
	s.fit(n, page)
	return true
}

// fit keeps the chosen one among n, and among the page that is seen.
func (s *scroll) fit(n, page int) {
	s.at = max(min(s.at, n-1), 0)
	s.top = max(min(s.top, s.at, n-page), s.at-page+1, 0)
}
