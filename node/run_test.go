package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"carillon/node/admin"
)

// ending returns a part that notes when it has been told to stop.
func ending(order *[]string, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		*order = append(*order, name)
		return ctx.Err()
	}
}

func TestPartsStopLastFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		n := &Node{events: admin.NewEvents("laurel")}
		for _, name := range []string{"disk", "tables", "SIP"} {
			n.run(name, ending(&order, name))
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Errorf("got %v", err)
		}
		if want := []string{"SIP", "tables", "disk"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

func TestPartsThatFailEndAll(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name string
		part func(context.Context) error
		want string
	}{
		{"an error", func(context.Context) error { return broken }, "running SIP: broken"},
		{"an end", func(context.Context) error { return nil }, "running SIP: it ended by itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				n := &Node{events: admin.NewEvents("laurel")}
				n.run("disk", ending(&order, "disk"))
				n.run("SIP", tt.part)
				n.run("API", ending(&order, "API"))
				err := n.Run(t.Context())
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if want := []string{"API", "disk"}; !slices.Equal(order, want) {
					t.Errorf("got %v, want %v", order, want)
				}
			})
		})
	}
}

func TestFailuresOfTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{events: admin.NewEvents("laurel")}
		n.run("disk", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(ctx.Err(), errors.New("full"))
		})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := n.Run(ctx); err == nil || err.Error() != "running disk: full" {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseGoesBackwards(t *testing.T) {
	var order []string
	n := new(Node)
	for _, name := range []string{"one", "two"} {
		n.onClose(name, func() error { order = append(order, name); return errors.New("stuck") })
	}
	err := n.Close()
	if want := "closing two: stuck\nclosing one: stuck"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if want := []string{"two", "one"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	if err = n.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
}
