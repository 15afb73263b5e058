package node

import (
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
)

// TestAStolenBranchLetsNoMainIn: a token that a LifeGUARD had made lets in another
// one of its own site; a witness has none made.
func TestAStolenBranchLetsNoMainIn(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.join("wim", RoleWitness, "laurel")
	if _, err := w.nodes["wim"].CreateToken(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), "a witness lets nobody join") {
		t.Errorf("at a witness: got %v", err)
	}
	made, err := w.nodes["mons"].CreateToken(t.Context(), time.Hour)
	if err != nil || made.Role != RoleLifeguard || made.Site != firstSite {
		t.Fatalf("got %+v, %v, want a token for a LifeGUARD at %s", made, err, firstSite)
	}
	parsed, err := link.ParseToken(made.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []link.Role{link.Main, link.Witness} {
		_, err = w.nodes["laurel"].admit(t.Context(), parsed.Hash(), asking(t, "stan", role, "127.9.9.9:7946"))
		if err == nil || !strings.Contains(err.Error(), "lets only a lifeguard join, at "+firstSite) {
			t.Errorf("a %s: got %v, want that it lets only a LifeGUARD join", role, err)
		}
	}
	w.open("namur", RoleLifeguard, "mons")
}
