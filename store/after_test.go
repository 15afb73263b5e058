package store

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestAChangeIsForOneRevision: it takes effect once, whoever puts it into the log
// again; and what is from before there were such Changes counts no more.
func TestAChangeIsForOneRevision(t *testing.T) {
	at := func(v *View, index uint64, c Change) (*View, error) {
		t.Helper()
		b, err := EncodeChange(c)
		if err == nil {
			c, err = DecodeChange(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		next, err := Decide(c, v)
		if err != nil {
			return v, err
		}
		return next.At(index), nil
	}
	token := func(hash string) AddToken {
		return AddToken{By: Author{Who: "me", At: time.Unix(1, 0).UTC()}, Token: JoinToken{Hash: hash, Expires: time.Unix(100, 0).UTC()}}
	}
	v, err := at(NewView(Config{}), 1, token("a")) // of a former version
	if err != nil || v.IsOrdered() {
		t.Fatalf("got %v, %v", v.IsOrdered(), err)
	}
	first := After{Revision: 1, Change: token("b")}
	if v, err = at(v, 2, first); err != nil || !v.IsOrdered() || len(v.Config().Tokens) != 2 {
		t.Fatalf("got %+v, %v", v.Config(), err)
	}
	if by := AuthorOf(first); by.Who != "me" {
		t.Errorf("it is by %q", by.Who)
	}
	for name, c := range map[string]Change{"again": first, "one of a former version": token("a"), "one that came too late": After{Revision: 1, Change: token("c")}} {
		got, refused := at(v, 3, c)
		if _, ok := errors.AsType[*Error](refused); !ok || got != v {
			t.Errorf("%s: got %v, want a refusal", name, refused)
		}
		if !IsLate(refused) {
			t.Errorf("%s: it is not late", name)
		}
	}
	if v, err = at(v, 4, TakeOver{By: Author{Who: "me"}, Node: "hardy"}); err == nil || IsLate(err) {
		t.Errorf("taking over, by no main: got %v", err)
	}
	if v, err = at(v, 5, After{Revision: 3, Change: token("c")}); err != nil || len(v.Config().Tokens) != 3 {
		t.Errorf("where the others are further: got %v", err)
	}
	nested, err := EncodeChange(After{Change: After{Change: token("d")}})
	if c, decoded := DecodeChange(nested); err != nil || decoded == nil {
		t.Errorf("one in another is read: %+v, %v", c, err)
	}
	b, err := EncodeConfig(v.Config())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := DecodeConfig(b); err != nil || !reflect.DeepEqual(c.Tokens, v.Config().Tokens) || !c.Ordered || c.Closed {
		t.Errorf("got %+v, %v", c, err)
	}
}
