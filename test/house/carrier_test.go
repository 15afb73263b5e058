package house_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/tool"
)

// A carrier is SIPp at an address of its own: a program that knows nothing of ours.
type carrier struct {
	t       *testing.T
	h       *house.House
	program string
	dir     string
	over    string
	at      netip.Addr
	taking  *exec.Cmd
	said    bytes.Buffer
}

func newCarrier(t *testing.T, h *house.House, over string) *carrier {
	t.Helper()
	return &carrier{t: t, h: h, program: tool.Need(t, "sipp", "sip-tester"), dir: t.TempDir(), over: over, at: house.Address(t)}
}

func (c *carrier) sipp(scenario string, more ...string) *exec.Cmd {
	c.t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", scenario+".xml"))
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), c.program, append([]string{
		"-sf", file, "-t", c.over[:1] + "1", "-i", c.at.String(), "-nostdin", "-skip_rlimit", "-timeout", "60",
	}, more...)...)
	cmd.Dir = c.dir
	return cmd
}

// takes has the carrier take calls until the test ends.
func (c *carrier) takes() {
	c.t.Helper()
	c.taking = c.sipp("carrier_takes", "-p", "5060", "-trace_logs", "-log_file", "takes.log")
	c.taking.Stdout, c.taking.Stderr = &c.said, &c.said
	if err := c.taking.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = c.taking.Process.Kill()
		_ = c.taking.Wait()
		if c.t.Failed() {
			c.t.Logf("SIPp said: %.2000s", c.said.String())
		}
	})
}

// has waits until the carrier has written a line.
func (c *carrier) has(line string) {
	c.t.Helper()
	var all []byte
	for deadline := time.Now().Add(house.Patience); ; time.Sleep(20 * time.Millisecond) {
		all, _ = os.ReadFile(filepath.Join(c.dir, "takes.log"))
		if strings.Contains(string(all), line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the carrier has no %q:\n%s", line, all)
		}
	}
}

// calls has the carrier call a number once, over a connection of its own; the channel
// says how that ended.
func (c *carrier) calls(n *house.Node, number string) <-chan error {
	c.t.Helper()
	cmd := c.sipp("carrier_calls", "-p", "5062", "-s", number, "-m", "1", n.SIP().String())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	done := make(chan error, 1)
	go func() {
		err := cmd.Run()
		if err != nil {
			err = fmt.Errorf("%w: %.2000s", err, said.String())
		}
		done <- err
	}()
	return done
}

// TestACarrier: SIPp as the carrier of a whole node, over UDP and over TCP: calls come
// in to a direct number, go out by a number of the site alone, and for help without
// any password.
func TestACarrier(t *testing.T) {
	for _, over := range transports {
		t.Run(over, func(t *testing.T) {
			h := house.New(t)
			c := newCarrier(t, h, over)
			n := h.NodeOf("hardy", fmt.Sprintf(`domain: %s
sites: [{name: hq, networks: [127.0.0.0/8], operator: bob, country: "+32", outside: "0"}]
users:
  - {number: alice, site: hq, password: %[2]s, direct: ["+3265551201"]}
  - {number: bob, site: hq, password: %[2]s, direct: ["+3265551200"]}
  - {number: carol, site: hq, password: %[2]s}
trunks: [{name: isdn, site: hq, address: "%[3]s", transport: %[4]s}]
`, house.Domain, house.Password, c.at, over))
			c.takes()
			alice, carol, stranger := h.Phone("alice"), h.PhoneOver("udp", "carol"), h.Stranger("udp", "dave")
			for _, call := range []struct {
				by                   *house.Phone
				dials, number, shown string
			}{
				{alice, "0022223344", "+3222223344", "+3265551201"},
				{carol, "+442071838750", "+442071838750", "+3265551200"}, // who has none of her own
				{stranger, "112", "112", "+3265551200"},
				{alice, "0112", "112", "+3265551201"},
			} {
				out := call.by.Calls(call.dials)
				out.IsAnswered()
				c.has(fmt.Sprintf("asked %s by %s asserted %[2]s", call.number, call.shown))
				out.HangsUp()
			}
			ended := c.calls(n, "+3265551201")
			in := alice.Rings()
			in.Answers()
			in.IsAcknowledged()
			in.IsHungUp()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			for _, number := range []string{"+442071838750", "112"} { // it is not let out again
				if err := <-c.calls(n, number); err == nil {
					t.Errorf("the carrier's call to %s is carried", number)
				}
			}
		})
	}
}
