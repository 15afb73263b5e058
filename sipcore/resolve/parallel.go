package resolve

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// forEach calls f for all of items at once and returns when the last is done. A
// panic of f becomes the caller's, who knows what to do with one.
func forEach[T any](items []T, f func(i int, item T)) {
	var wg sync.WaitGroup
	failed := make(chan broken, len(items))
	for i, item := range items {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed <- brokenBy(r)
				}
			}()
			f(i, item)
		})
	}
	wg.Wait()
	select {
	case b := <-failed:
		panic(b)
	default:
	}
}

func inParallel(fs ...func()) { forEach(fs, func(_ int, f func()) { f() }) }

// broken is a panic of another goroutine, and where it was. Its text quotes
// nothing that came over the network.
type broken string

var _ runtime.Error = broken("")

func brokenBy(r any) broken {
	what := fmt.Sprintf("%T", r)
	if err, ok := r.(runtime.Error); ok {
		what = err.Error()
	}
	return broken(what + "\n" + string(debug.Stack()))
}

// Error implements error.
func (b broken) Error() string { return string(b) }

// RuntimeError implements [runtime.Error], for who logs the text of those alone.
func (broken) RuntimeError() {}
