package live

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRecordRoundTrip(t *testing.T) {
	want := phone(func(x *Binding) {
		x.Path, x.RegID, x.Move = []string{"<sip:p;lr>"}, 2, 7
		x.Expires, x.Since = time.UnixMilli(1_800_000_000_123), time.UnixMilli(1_700_000_000_456)
	})
	got, err := ParseRecord(want.Key(), want.AppendRecord(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, addresses()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseSharedIgnoresLaterFields(t *testing.T) {
	x := phone()
	if _, _, err := parseShared(string(x.AppendShared(nil)) + "what a later version adds"); err != nil {
		t.Error(err)
	}
}

func TestSharedIsShort(t *testing.T) {
	x := phone()
	if got := len(x.AppendShared(nil)) - len(x.Contact) - len(x.UserAgent); got > 20 {
		t.Errorf("%d bytes beside Contact and User-Agent, want at most 20", got)
	}
}

// FuzzRecord: what can be read is written back as something that reads the
// same, and what cannot is an error, not a crash.
func FuzzRecord(f *testing.F) {
	x := phone(func(x *Binding) { x.Path = []string{"<sip:p;lr>"} })
	f.Add(x.Key(), x.AppendRecord(nil))
	f.Add("201\x1f", []byte{1, 0})
	f.Fuzz(func(t *testing.T, key string, record []byte) {
		one, err := ParseRecord(key, record)
		if err != nil {
			return
		}
		again := one.AppendRecord(nil)
		two, err := ParseRecord(one.Key(), again)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if third := two.AppendRecord(nil); !bytes.Equal(again, third) {
			t.Errorf("got %q, want %q", third, again)
		}
		b := NewBindings("laurel", nil)
		if one.textSize() < maxText {
			b.Put(one)
		}
		_ = b.Learn("hardy", key, record)
	})
}

// FuzzLearn: what another node says is refused, or is what others are told in
// turn: learning it from there gives the same binding.
func FuzzLearn(f *testing.F) {
	x := phone(func(x *Binding) { x.Path, x.Since = []string{"<sip:p;lr>"}, time.Unix(1_700_000_000, 0) })
	f.Add(x.Key(), x.AppendShared(nil))
	f.Add("201", []byte{})
	x.Gone = true
	f.Add(x.Key(), x.AppendShared(nil))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		one, two := NewBindings("laurel", nil), NewBindings("stan", nil)
		if one.Learn("hardy", key, value) != nil || len(value) == 0 {
			if one.Count() != 0 {
				t.Fatal("what was refused was learned")
			}
			return
		}
		all := one.All()
		if x, _, err := parseShared(string(value)); err == nil && x.Gone {
			if len(all) != 0 {
				t.Fatalf("%d bindings, want none of a phone that is gone", len(all))
			}
			return
		}
		if len(all) != 1 {
			t.Fatalf("%d bindings, want 1", len(all))
		}
		if err := two.Learn("hardy", all[0].Key(), all[0].AppendShared(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, two.All(), addresses(), cmpopts.EquateApproxTime(time.Second)); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
