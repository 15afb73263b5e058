package feature

import (
	"reflect"
	"testing"

	"carillon/sipcore/route"
	"carillon/store"
)

type registered map[string][]route.Target

func (r registered) TargetsOf(number string) []route.Target { return r[number] }

func TestPhones(t *testing.T) {
	desk := []route.Target{{URI: "sip:201@192.0.2.1", User: "201", Device: "desk"}}
	finder := registered{"201": desk}

	tests := []struct {
		name    string
		callee  string
		outcome route.Outcome
		want    route.Verdict
	}{
		{"registered", "201", route.None, route.Ring{Targets: desk}},
		{"not registered", "202", route.None, nil},
		{"rang already", "201", route.NoAnswer, nil},
		{"was busy", "201", route.Busy, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &route.Call{Callee: store.User{Number: tt.callee}, Outcome: tt.outcome}
			if got := (Phones{finder}).Route(c); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}
