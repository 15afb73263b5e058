package route_test

import (
	"fmt"
	"testing"

	"carillon/sipcore/route"
	"carillon/store"
)

// forward sends every call to one number on to another.
type forward map[string]string

func (f forward) Route(c *route.Call) route.Verdict {
	if to, ok := f[c.Callee.Number]; ok {
		return route.Redirect{To: to}
	}
	return nil
}

// phone rings for one number, on the first asking.
type phone string

func (p phone) Route(c *route.Call) route.Verdict {
	if c.Callee.Number == string(p) && c.Outcome == route.None {
		return route.Ring{Targets: []route.Target{{URI: "sip:" + string(p)}}}
	}
	return nil
}

func view(numbers ...string) *store.View {
	var c store.Config
	for _, n := range numbers {
		c.Users = append(c.Users, store.User{Number: n})
	}
	return store.NewView(c)
}

func ExamplePipeline_Route() {
	v := view("100", "200")
	callee, _ := v.User("100")

	p := route.Pipeline{forward{"100": "200"}, phone("200")}
	fmt.Printf("%+v\n", p.Route(&route.Call{View: v, Callee: callee}))
	// Output: {Targets:[{URI:sip:200 Route: User: Device: Instance: Q:0 Silent:false Shown: Withheld:false Insist:false}] Call:<nil>}
}

func TestPipeline(t *testing.T) {
	tests := []struct {
		name    string
		p       route.Pipeline
		outcome route.Outcome
		want    string
	}{
		{"nobody has an opinion", route.Pipeline{}, route.None, "{480 Temporarily Unavailable }"},
		{"nobody has another idea", route.Pipeline{}, route.Busy, "<nil>"},
		{"forwarded to nobody", route.Pipeline{forward{"100": "999"}}, route.None, "{404 Not Found }"},
		{"forwarded in a circle", route.Pipeline{forward{"100": "200", "200": "100"}}, route.None, "{482 Loop Detected }"},
		{"forwarded to itself", route.Pipeline{forward{"100": "100"}}, route.None, "{482 Loop Detected }"},
		{"the first step wins", route.Pipeline{phone("100"), forward{"100": "200"}}, route.None, "{[{sip:100     0 false  false false}] <nil>}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := view("100", "200")
			callee, _ := v.User("100")
			got := fmt.Sprint(tt.p.Route(&route.Call{View: v, Callee: callee, Outcome: tt.outcome}))
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
