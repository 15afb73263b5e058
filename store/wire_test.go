package store

import (
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// TestEveryPartMayGrow: a later version may add a field to any part of a View or of
// a Change, and reads what this one has written.
func TestEveryPartMayGrow(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, whole := range []any{wireConfig{}, wireReplace{}} {
		for _, part := range partsOf(reflect.TypeOf(whole), seen) {
			into, ok := reflect.TypeAssert[cbor.Unmarshaler](reflect.New(part))
			if !ok {
				t.Errorf("%v has no UnmarshalCBOR, which reads what had fewer fields", part)
				continue
			}
			if err := into.UnmarshalCBOR([]byte{0x80}); err != nil { // an array of none
				t.Errorf("%v: %v", part, err)
			}
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d parts were looked at", len(seen))
	}
}

// partsOf returns the wire types in a struct that are parts of it.
func partsOf(whole reflect.Type, seen map[reflect.Type]bool) (all []reflect.Type) {
	for field := range whole.Fields() {
		part := field.Type
		for part.Kind() == reflect.Slice || part.Kind() == reflect.Pointer {
			part = part.Elem()
		}
		if strings.HasPrefix(part.Name(), "wire") && !seen[part] {
			seen[part] = true
			all = append(append(all, part), partsOf(part, seen)...)
		}
	}
	return all
}
