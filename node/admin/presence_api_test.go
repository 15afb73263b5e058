package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
)

const alice = "/v1/users/201/presence"

// TestAProgramSetsPresence: and reads it, and withdraws it; what it may not do it is told
// in words.
func TestAProgramSetsPresence(t *testing.T) {
	c, o := serve(t, t.TempDir())
	if err := o.Config.Propose(t.Context(), twoSites()); err != nil {
		t.Fatal(err)
	}
	nobody := programOf(t, o)
	calendar := nobody.with(c, APIToken{Name: "calendar", Scope: store.APIPresence})
	bob := nobody.with(c, APIToken{Name: "bob", Scope: store.APIPresence, User: "202"})
	mons := nobody.with(c, APIToken{Name: "mons", Scope: store.APIPresence, Site: "mons"})
	wall := nobody.with(c, APIToken{Name: "wall", Scope: store.APIView})
	forged := *nobody
	forged.token = "carillon_forged"
	for _, x := range []struct {
		who                *program
		method, path, body string
		status             int
		words              string
	}{
		{calendar, "PUT", alice, `{"activity":"meeting","note":"room 4","ttl":60}`, 200, `"activity":"meeting","note":"room 4","source":"publish","by":"api"`},
		{calendar, "GET", alice, "", 200, `"activity":"meeting"`},
		{wall, "GET", alice, "", 200, `"activity":"meeting"`},
		{wall, "GET", "/v1/presence", "", 200, `[{"user":"201"`},
		{wall, "GET", "/v1/members", "", 200, `[{"name":"laurel"`},
		{wall, "PUT", alice, `{"activity":"away"}`, 403, "does not let you do that to the presence of 201"},
		{wall, "DELETE", alice, "", 403, "does not let you"},
		{bob, "GET", alice, "", 403, "does not let you"},
		{bob, "PUT", alice, `{"activity":"away"}`, 403, "does not let you"},
		{bob, "PUT", "/v1/users/202/presence", `{"activity":"unavailable"}`, 200, `"state":"closed"`},
		{mons, "PUT", alice, `{"activity":"away"}`, 403, "does not let you"},
		{mons, "PUT", "/v1/users/202/presence", `{"activity":"available"}`, 200, `"state":"open","activity":""`},
		{bob, "GET", "/v1/users/999/presence", "", 403, "does not let you"},
		{calendar, "GET", "/v1/users/999/presence", "", 404, "there is no user 999"},
		{calendar, "GET", "/v1/members", "", 403, "--scope view"},
		{calendar, "GET", "/v1/elsewhere", "", 404, "/openapi.json"},
		{calendar, "GET", "/v1/config/export", "", 404, "/openapi.json"},
		{calendar, "POST", "/v1/config/apply", "domain: x", 404, "/openapi.json"},
		{nobody, "GET", alice, "", 401, "carillon token create --api"},
		{nobody, "GET", "/openapi.json", "", 401, "carillon token create --api"},
		{&forged, "GET", alice, "", 401, "not known here"},
		{calendar, "PUT", alice, `{"activity":"meting"}`, 422, "expected value to be one of"},
		{calendar, "PUT", alice, `{"activity":"away","until":5}`, 422, "unexpected property"},
		{calendar, "PUT", alice, `{"activity":"away","ttl":0}`, 422, "expected number >= 1"},
		{calendar, "PUT", alice, `{"activity":"away","ttl":604801}`, 422, "expected number <= 604800"},
		{calendar, "PUT", alice, `{"activity":"away","note":"` + strings.Repeat("é", 129) + `"}`, 422, "256 is the most"},
		{calendar, "PUT", alice, `{"activity":"away","note":"\u0007"}`, 422, "nobody can read"},
		{calendar, "PUT", alice, `{`, 400, ""},
		{calendar, "PUT", alice, "", 400, "body is required"},
		{calendar, "PUT", alice, `{"activity":"away","note":"` + strings.Repeat("x", largestBody) + `"}`, 413, "too large"},
		{calendar, "GET", alice, "", 200, `"activity":"meeting"`},
		{calendar, "DELETE", alice, "", 200, `"source":""`},
	} {
		x.who.wants(x.method, x.path, x.body, x.status, x.words)
	}
}

// twoSites is 201 at hq and 202 at mons.
func twoSites() store.Change {
	return store.ReplaceAll(store.Config{
		Domain: "tel.example.net",
		Sites:  []store.Site{{Name: "hq"}, {Name: "mons"}},
		Users:  []store.User{{Number: "201", Site: "hq"}, {Number: "202", Site: "mons"}},
	}, store.Author{Who: "test"})
}

// TestTheSocketNeedsNoToken: what the command line says of a user, and its refusals.
func TestTheSocketNeedsNoToken(t *testing.T) {
	c, o := serve(t, t.TempDir())
	told, err := c.SetPresence(t.Context(), "201", Statement{Activity: "vacation", Note: "back on Monday", TTL: 60})
	if err != nil || told.Activity != live.Vacation || told.By != live.FromAPI {
		t.Errorf("got %+v, %v", told, err)
	}
	if got := o.Presences.Of("201").First(); got.Note != "back on Monday" {
		t.Errorf("got %+v", got)
	}
	if told, err = c.ClearPresence(t.Context(), "201"); err != nil || told.Source != "" {
		t.Errorf("got %+v, %v", told, err)
	}
	for _, tt := range []struct{ user, activity, want string }{
		{"999", "away", "there is no user 999"}, {"201", "vacaton", "activity: expected value to be one of"}, {"a/b", "away", "has no PUT"},
	} {
		_, err = c.SetPresence(t.Context(), tt.user, Statement{Activity: Activity(tt.activity), TTL: 60})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

// TestThePrimarySourceMayBeTheAPI: it counts like what phones publish, unless the rules
// say more.
func TestThePrimarySourceMayBeTheAPI(t *testing.T) {
	c, o := serve(t, t.TempDir())
	if _, err := c.SetPresence(t.Context(), "201", Statement{Activity: "meeting", TTL: 60}); err != nil {
		t.Fatal(err)
	}
	later := live.Presence{User: "201", ID: "phone", Open: true, Activity: live.Away, Expires: time.Minute}
	if _, err := o.Presences.Put(later, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ primary, activity, kind string }{{"", live.Away, "publish"}, {live.FromAPI, live.Meeting, "primary"}} {
		settings := live.DefaultSettings()
		settings.MergePrimarySource = tt.primary
		if err := o.Presences.Configure(settings, time.Now()); err != nil {
			t.Fatal(err)
		}
		if all := PresenceOf(o.Presences, []string{"201"}); len(all) != 1 || all[0].Activity != tt.activity || all[0].Source != tt.kind {
			t.Errorf("primary source %q: got %+v", tt.primary, all)
		}
	}
}

// TestTheDocument is OpenAPI 3.1, its references lead somewhere, and it has all paths that
// the port answers, and every activity.
func TestTheDocument(t *testing.T) {
	c, o := serve(t, t.TempDir())
	_, text := programOf(t, o).with(c, APIToken{Name: "wall", Scope: store.APIView}).ask("GET", "/openapi.json", "")
	var d struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" || d.Info.Version == "" || d.Components.SecuritySchemes[bearerAuth].Scheme != "bearer" {
		t.Errorf("got %+v", d)
	}
	presence := d.Paths[presencePath]
	for _, method := range []string{"get", "put", "delete"} {
		for _, status := range []string{"200", "401", "403", "404", "429"} {
			if presence[method].Responses[status] == nil {
				t.Errorf("%s %s says nothing of %s", method, presencePath, status)
			}
		}
	}
	if got := d.Components.Schemas["Statement"].Properties["activity"].Enum; !slices.Equal(got, PresenceActivities()) {
		t.Errorf("got the activities %v", got)
	}
	for _, part := range strings.Split(text, `"$ref":"`)[1:] {
		name, _, _ := strings.Cut(strings.TrimPrefix(part, "#/components/schemas/"), `"`)
		if _, known := d.Components.Schemas[name]; !known {
			t.Errorf("nothing describes %s", name)
		}
	}
}
