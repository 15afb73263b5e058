package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carillon/store"
)

// TestFollowing: a branch hears of the calls of its own site and of those whose users
// somebody watches there, and for ten minutes after nobody does.
func TestFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		view := store.NewView(store.Config{
			Domain: "tel.beip.be", Sites: []store.Site{{Name: "hq"}, {Name: "mons"}},
			Users: []store.User{{Number: "201", Site: "hq"}, {Number: "202"}, {Number: "301", Site: "mons"}},
		})
		var watched, got []string
		f := &following{
			view: func() *store.View { return view }, site: func() string { return "mons" }, watched: func() []string { return watched },
			narrow: func(class string, channels ...string) { got = channels },
		}
		for _, tt := range []struct {
			after   time.Duration
			watched []string
			want    []string
		}{
			{0, nil, []string{"dlg/mons"}},
			{time.Hour, []string{"201", "301"}, []string{"dlg/hq", "dlg/mons"}},
			{time.Second, []string{"202", "nobody"}, []string{"dlg/", "dlg/hq", "dlg/mons"}},
			{keepWatching - time.Second, []string{"202"}, []string{"dlg/", "dlg/mons"}},
			{time.Hour, nil, []string{"dlg/mons"}},
		} {
			time.Sleep(tt.after)
			watched = tt.watched
			if f.look(time.Now()); !slices.Equal(got, tt.want) {
				t.Errorf("%q are watched: got %q, want %q", tt.watched, got, tt.want)
			}
		}
	})
}
