package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// bearerAuth names in the document how one shows a token.
const bearerAuth = "token"

// largestBody is more than any question of the API has. It is not for the files of the
// socket.
const largestBody = 4 << 10

// mount gives mux what is asked on the socket and over HTTPS alike, and returns what more
// can be added to. Who asks is in the context of the request: see asker.
func (s *Server) mount(mux *http.ServeMux) huma.API {
	c := huma.DefaultConfig("Carillon", "1")
	c.Info.Description = "Presence of users, for programs. Each request shows a token that `carillon token create --api NAME` has made."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // the document is served below; pages that load scripts from elsewhere are none for a LAN
	c.CreateHooks, c.Transformers = nil, nil              // no $schema in answers
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearerAuth: {Type: "http", Scheme: "bearer"}}
	c.Security = []map[string][]string{{bearerAuth: {}}}
	api := humago.New(mux, c)
	s.mountPresence(api)
	return api
}

// document serves the description of the API.
func document(d *huma.OpenAPI) (http.HandlerFunc, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(text)
	}, nil
}

// operation describes one question.
func operation(method, path, id, summary, description string, refusals ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description,
		MaxBodyBytes: largestBody, BodyReadTimeout: apiReadTime,
		Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, refusals...),
	}
}

// refused is err as programs are told of it (RFC 9457).
func (s *Server) refused(err error) error {
	p := problemOf(err)
	if p.Kind == Internal {
		s.o.Logger.Error("answering a program", "error", err)
		return huma.NewError(p.httpStatus(), "something went wrong in the node: its log says what")
	}
	return huma.NewError(p.httpStatus(), p.Error())
}

// An askerKey finds in a context who asks.
type askerKey struct{}

// withAsker notes who asks.
func withAsker(ctx context.Context, a asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// askerOf returns who asks; nobody, who may do nothing, if that was not noted.
func askerOf(ctx context.Context) asker {
	a, _ := ctx.Value(askerKey{}).(asker)
	return a
}

// writeProblem refuses a request before it reaches the API.
func writeProblem(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.NewError(status, words))
}

// inSeconds is d for a header.
func inSeconds(d time.Duration) string { return fmt.Sprint(int(d/time.Second) + 1) }
