package store

import "testing"

// What version 3 wrote, before a site had a budget, is read: it has the usual one.
func TestOfVersionThree(t *testing.T) {
	type wireUser5 struct {
		_      struct{} `cbor:",toarray"`
		Number string
		Name   string
		Site   string
		MD5    []byte
		SHA256 []byte
		Direct []string
	}
	type wireReplace3 struct {
		_      struct{} `cbor:",toarray"`
		Who    string
		At     int64
		Exact  bool
		Realm  string
		Domain *string
		Sites  []wireSite3
		Users  []wireUser5
		Trunks []wireTrunk

		Origins []string
	}
	b, err := encode(tagReplace, wireReplace3{
		Sites: []wireSite3{{Name: "mons", Networks: []string{"10.0.0.0/8"}, CallsTrusted: true, Operator: "200", Homing: MainFirst, Survivable: Dumb}},
		Users: []wireUser5{{Number: "201", Name: "Alice", Site: "mons", Direct: []string{"+3265551201"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b[1] = 3 // CBOR: an array of three, whose first is the version
	c, err := DecodeChange(b)
	r, ok := c.(Replace)
	if err != nil || !ok || len(r.Sites) != 1 {
		t.Fatalf("got %+v, %v", c, err)
	}
	if len(r.Users) != 1 || r.Users[0].Name != "Alice" || r.Users[0].Roams || len(r.Users[0].Direct) != 1 {
		t.Errorf("got %+v", r.Users)
	}
	s := r.Sites[0]
	if s.Budget != DefaultBudget || s.Name != "mons" || !s.CallsTrusted || s.Operator != "200" || s.Address.IsValid() || s.Homing != MainFirst || s.Survivable != Dumb {
		t.Errorf("got %+v", s)
	}
}
