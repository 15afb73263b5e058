package tool

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// A process that is stopped for a second did not take that second; one that
// waits for it did.
func TestStopwatch(t *testing.T) {
	w := Start(t)
	wake := exec.CommandContext(t.Context(), "sh", "-c", "kill -STOP "+strconv.Itoa(os.Getpid())+"; sleep 1; kill -CONT "+strconv.Itoa(os.Getpid()))
	began := time.Now()
	if err := wake.Start(); err != nil {
		t.Fatal(err)
	}
	if err := wake.Wait(); err != nil {
		t.Fatal(err)
	}
	if took, all := w.Took(), time.Since(began); all-took < 900*time.Millisecond {
		t.Errorf("stopped for a second: took %v of %v", took, all)
	}
	for range 20 { // the machine may stand still in one of them
		before := w.Took()
		time.Sleep(time.Second / 4)
		if took := w.Took() - before; took >= time.Second/4 {
			return
		}
	}
	t.Error("no time passes while this process sleeps")
}
