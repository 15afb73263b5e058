package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// changes edits the configuration again and again: the name of a trunk counts up.
type changes struct {
	acknowledged atomic.Int64 // the last number that a command said was applied
	over         atomic.Bool
	stopped      sync.WaitGroup
}

// edit starts changing the configuration of n until the test ends.
func (n *node) edit() *changes {
	c := new(changes)
	file := filepath.Join(n.dir, "trunk.yaml")
	c.stopped.Go(func() {
		for number := int64(1); !c.over.Load(); number++ {
			text := fmt.Sprintf("trunks:\n  - {name: r-%d, site: hq, address: \"127.0.0.9:5060\"}\n", number)
			if os.WriteFile(file, []byte(text), 0o600) == nil && n.command("config", "apply", "-f", file).Run() == nil {
				c.acknowledged.Store(number)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	n.t.Cleanup(c.end)
	return c
}

func (c *changes) end() {
	c.over.Store(true)
	c.stopped.Wait()
}

var trunkNumber = regexp.MustCompile(`\br-(\d+)\b`)

// inForce returns the number of the trunk that the node has now.
func (n *node) inForce() int64 {
	n.t.Helper()
	out, err := n.command("config", "export").Output()
	if err != nil {
		n.t.Fatalf("carillon config export: %v", err)
	}
	m := trunkNumber.FindSubmatch(out)
	if m == nil {
		return 0
	}
	number, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return number
}
