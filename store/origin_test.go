package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrigins(t *testing.T) {
	for _, tt := range []struct {
		origin string
		want   string // what is proposed; "" is no fault
	}{
		{"https://phone.example.org", ""},
		{"https://phone.example.org:8443", ""},
		{"http://localhost:3000", ""},
		{"http://[2001:db8::1]", ""},
		{"https://192.0.2.1:8443", ""},
		{"*", ""},
		{"", "https://phone.example.org"},
		{"phone.example.net", "https://phone.example.net"},
		{"https://phone.example.net/", "https://phone.example.net"},
		{"https://phone.example.net:443", "https://phone.example.net"},
		{"HTTP://Phone.example.net:80/app?x#y", "http://phone.example.net"},
		{"ftp://phone.example.net", "https://phone.example.org"},
		{"https://*.example.net", "https://phone.example.org"},
		{"https://phone.example.net:99999", "https://phone.example.org"},
		{"https://", "https://phone.example.org"},
		{"null", "https://null"},
		{"https://a b", "https://phone.example.org"},
	} {
		t.Run(tt.origin, func(t *testing.T) {
			c := example()
			c.Origins = []string{"https://first.example", tt.origin}
			err := c.Validate()
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), "like "+tt.want) {
				t.Errorf("got %v, want a proposal of %s", err, tt.want)
			}
		})
	}
	many := example()
	many.Origins = make([]string, maxOrigins+1)
	if err := many.Validate(); err == nil {
		t.Error("any number of origins is taken")
	}
}

func TestReplaceOrigins(t *testing.T) {
	with := example()
	with.Origins = []string{"https://a.example"}
	v := NewView(with)
	for _, tt := range []struct {
		name   string
		change []string
		want   []string
		line   string
	}{
		{"nothing said", nil, with.Origins, ""},
		{"others", []string{"https://b.example", "*"}, []string{"https://b.example", "*"}, "~ browsers: origins https://a.example -> https://b.example *"},
		{"none", []string{}, nil, "~ browsers: origins https://a.example -> (none)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := Change(Replace{Origins: tt.change})
			command, err := EncodeChange(change)
			if err == nil {
				change, err = DecodeChange(command)
			}
			if err != nil {
				t.Fatal(err)
			}
			next, err := change.On(v)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(next.Origins(), " ") != strings.Join(tt.want, " ") {
				t.Errorf("got %q, want %q", next.Origins(), tt.want)
			}
			said := ""
			for _, l := range Diff(v, next) {
				said += l.String()
			}
			if said != tt.line {
				t.Errorf("got %q, want %q", said, tt.line)
			}
			if (next.Hash() == v.Hash()) != (tt.change == nil) {
				t.Error("the hash does not tell them apart")
			}
		})
	}
}

// What version 2 wrote, before there were origins, is read: the log of a system
// that is brought up to date has it.
func TestOfVersionTwo(t *testing.T) {
	domain := "tel.example.org"
	old := wireReplace2{Who: "me", At: 5, Realm: "r", Domain: &domain, Sites: []wireSite{}, Users: []wireUser{{Number: "201"}}}
	type wireFound2 struct {
		_       struct{} `cbor:",toarray"`
		Replace wireReplace2
		Node    wireNode
	}
	for tag, body := range map[string]any{tagReplace: old, tagFound: wireFound2{Replace: old}} {
		b, err := encode(tag, body)
		if err != nil {
			t.Fatal(err)
		}
		b[1] = 2 // CBOR: an array of three, whose first is the version
		got, err := DecodeChange(b)
		if found, ok := got.(Found); ok {
			got = found.Replace
		}
		r, ok := got.(Replace)
		if err != nil || !ok || *r.Domain != domain || r.By.Who != "me" || r.Origins != nil || len(r.Users) != 1 {
			t.Errorf("%s: got %+v, %v", tag, got, err)
		}
	}
	b, err := encode(tagConfig, wireConfig2{
		Domain: domain, Sites: []wireSite{}, Users: []wireUser{}, Trunks: []wireTrunk{}, Nodes: []wireNode{{Name: "hardy"}}, Revoked: []string{"x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b[1] = 2
	c, err := DecodeConfig(b)
	if diff := cmp.Diff([]string{"hardy", "x"}, []string{c.Nodes[0].Name, c.Revoked[0].Certificate}); err != nil || diff != "" {
		t.Errorf("got %v\n%s", err, diff)
	}
}
