package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"carillon/cluster/quorum"
	"carillon/node/admin"
	"carillon/store"
)

// TestTakeOver: of two mains one is lost; the other goes on alone when it is told
// to, and the lost one follows it when it is back.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy")
	w.open("mons", RoleLifeguard, "hardy")
	if _, err := w.nodes["laurel"].TakeOver(t.Context()); err == nil || !strings.Contains(err.Error(), "there is nothing to take over") {
		t.Errorf("while both answer: got %v", err)
	}
	if _, err := w.nodes["mons"].Deciding(t.Context()); err == nil || !strings.Contains(err.Error(), "ask for it on a main that is left of hardy, laurel") {
		t.Errorf("at a LifeGUARD: got %v", err)
	}
	w.nodes["laurel"].stop()
	_, err := w.nodes["hardy"].CreateToken(t.Context(), time.Minute)
	if p, ok := errors.AsType[*admin.Problem](err); !ok || !strings.Contains(p.Message, "1 of 2 missing (laurel)") || !strings.Contains(p.Message, "carillon cluster take-over") {
		t.Errorf("got %v, want a refusal that names the way out", err)
	}
	d, err := w.nodes["hardy"].TakeOver(t.Context())
	if err != nil || d.Revision == 0 {
		t.Fatalf("got %+v, %v", d, err)
	}
	w.writable("hardy")
	w.writable("mons")
	back := w.start(w.nodes["laurel"].o)
	w.eventually("laurel follows hardy, and votes", func() bool {
		voters, _ := back.quorum.Missing(t.Context())
		return len(voters) == 2 && back.config.View().Hash() == w.nodes["hardy"].config.View().Hash()
	})
	w.writable("laurel")
	w.eventually("laurel says so", func() bool {
		events, err := back.Events(t.Context())
		for _, e := range events {
			if strings.Contains(e.Text, "this main has the configuration of hardy now; of its own changes 0 are dropped") {
				return true
			}
		}
		return err != nil
	})
}

// TestWhatIsDropped: commands that nobody agreed on are described, and what the
// other has not is told apart from what it has.
func TestWhatIsDropped(t *testing.T) {
	seal, err := newSealer([]byte("authority"))
	if err != nil {
		t.Fatal(err)
	}
	config, _ := agreed(t)
	propose(t, config, store.SetNode{Node: written("hardy", RoleMain, "hq")})
	at := config.View().Index()
	by := store.Author{Who: "ada", At: time.UnixMilli(1_700_000_000_000).UTC()}
	var commands []quorum.Entry
	for i, c := range []store.Change{
		store.Replace{By: by, Users: []store.User{{Number: "301"}}},
		store.RemoveNode{By: by, Name: "nobody"}, // refused
		store.Replace{By: by, Users: []store.User{{Number: "301"}, {Number: "302"}}},
	} {
		b, err := store.EncodeChange(c)
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, quorum.Entry{Index: at + 1 + uint64(i), Command: seal.seal(b)})
	}
	had := config.revisionsOf(seal, commands)
	if len(had) != 2 || had[1].Who != "ada" || !strings.Contains(strings.Join(had[1].Summary, " "), "+ user 302") {
		t.Fatalf("got %+v, want both that would be in force", had)
	}
	theirs := []store.Revision{{Index: at}, had[0], {Index: had[1].Index, Who: "bea", At: by.At}}
	if lost := lostOf(had, theirs); len(lost) != 1 || lost[0].Index != had[1].Index {
		t.Errorf("got %+v, want the second alone", lost)
	}
}
