package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// A viewAnswer is what the node shows, and who did not contribute to it.
type viewAnswer[T any] struct {
	Silent string `header:"Carillon-Silent" doc:"The nodes that did not answer, with commas between: what only they know is missing."`
	Body   T
}

// mountViews gives api what `carillon` shows, for who may see it.
func (s *Server) mountViews(api huma.API) {
	mountView(api, "status", "What this node says about itself", func(context.Context) (Status, []string) { return s.o.Status(), nil })
	mountView(api, "members", "The nodes of the system", func(context.Context) ([]Member, []string) { return notNil(s.o.System.Members()), nil })
	mountView(api, "links", "How this node stands with others", func(context.Context) ([]LinkDetail, []string) { return notNil(s.o.System.Links()), nil })
	mountView(api, "sites", "The sites and their nodes", func(context.Context) ([]Site, []string) { return s.allSites(), nil })
	mountView(api, "presence", "What is told of each user of whom something is known", func(context.Context) ([]Presence, []string) { return s.allPresence(), nil })
	mountView(api, "registrations", "The registered phones, no older than 5 seconds", remembered(func(ctx context.Context) ([]Registration, []string) {
		all, silent := s.o.System.Registrations(ctx, "")
		return notNil(all), silent
	}))
	mountView(api, "calls", "The calls that exist, no older than 5 seconds", remembered(func(ctx context.Context) ([]Call, []string) {
		all, silent := s.o.System.Calls(ctx)
		return notNil(all), silent
	}))
}

// viewEvery is how often programs have other nodes asked, however many there are: each
// answer crosses the lines to all sites.
const viewEvery = 5 * time.Second

// remembered gives all who ask within viewEvery one answer.
func remembered[T any](ask func(context.Context) (T, []string)) func(context.Context) (T, []string) {
	var (
		mu     sync.Mutex
		last   time.Time
		rows   T
		silent []string
	)
	return func(ctx context.Context) (T, []string) {
		mu.Lock()
		defer mu.Unlock()
		if last.IsZero() || time.Since(last) >= viewEvery {
			rows, silent = ask(context.WithoutCancel(ctx)) // others may have the answer
			last = time.Now()
		}
		return rows, slices.Clone(silent)
	}
}

// mountView gives api one view.
func mountView[T any](api huma.API, name, summary string, ask func(context.Context) (T, []string)) {
	op := operation(http.MethodGet, "/v1/"+name, "list-"+name, summary, "For tokens with the scope view.")
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*viewAnswer[T], error) {
		if !askerOf(ctx).mayView() {
			return nil, huma.Error403Forbidden("the token is for the presence of users: `carillon token create --api NAME --scope view` makes one that sees this")
		}
		rows, silent := ask(ctx)
		slices.Sort(silent)
		return &viewAnswer[T]{Silent: strings.Join(silent, ","), Body: rows}, nil
	})
}
