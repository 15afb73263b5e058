package replica

import "testing"

// TestRumour: what somebody claims is a rumour until the reader has as much; and when
// it is there, it must be the same.
func TestRumour(t *testing.T) {
	owner := owner(9)
	for _, key := range []string{"a", "b", "c"} {
		owner.Set(key, nil)
	}
	other := New("hardy", "reg")
	other.Renew(9)
	for _, key := range []string{"a", "b", "d"} {
		other.Set(key, nil)
	}
	only := Only("a", "b")
	for _, c := range []struct {
		name    string
		claim   Claim
		pending bool // before anything came
		result  Result
		still   bool // pending after all that there is came
	}{
		{"nothing", Claim{}, false, Applied, false},
		{"the same", Claim{Cursor: owner.Cursor(), Check: owner.Check()}, true, Applied, false},
		{"without a check", Claim{Cursor: other.Cursor()}, true, Applied, false},
		{"another history", Claim{Cursor: other.Cursor(), Check: other.Check()}, true, Spoilt, false},
		{"another history, of which a part is the same", Claim{Cursor: other.Cursor(), Check: other.CheckOf(only), Filter: only}, true, Applied, false},
		{"another part", Claim{Cursor: other.Cursor(), Check: other.CheckOf(Only("d")), Filter: Only("d")}, true, Spoilt, false},
		{"more versions", Claim{Cursor: Cursor{Inc: 9, Max: 4}, Check: 1}, true, Applied, true},
		{"a later incarnation", Claim{Cursor: Cursor{Inc: 10}}, true, Applied, true},
		{"an earlier one", Claim{Cursor: Cursor{Inc: 8, Max: 9}, Check: 1}, true, Applied, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			reader := New("hardy", "reg")
			if reader.Hear(c.claim) {
				t.Error("who has nothing finds no second history")
			}
			if _, ok := reader.Rumour(); ok != c.pending {
				t.Errorf("a rumour: got %v, want %v", ok, c.pending)
			}
			if _, result, _ := reader.Apply(mustDelta(t, owner, Cursor{}, everything)); result != c.result {
				t.Errorf("got %v, want %v", result, c.result)
			}
			if _, ok := reader.Rumour(); ok != c.still {
				t.Errorf("a rumour that stays: got %v, want %v", ok, c.still)
			}
			if reader.Hear(Claim{Cursor: Cursor{Inc: 8}}); reader.Known().Inc != 9 {
				t.Errorf("knows %v", reader.Known())
			}
		})
	}
}
