package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/test/house"
)

// Where a baresip listens on its own address.
const (
	baresipControl = 4444
	baresipSound   = "20000-20100"
)

// baresipConfig is a phone without a head: it plays a file instead of a
// microphone, and the sndfile module writes down what it hears. Its parameters
// are SIP address, control address, sound ports, directory.
const baresipConfig = `poll_method epoll
sip_listen %[1]s:5060
net_interface %[1]s
call_local_timeout 120
call_max_calls 4
audio_path /usr/share/baresip
audio_player aubridge,null
audio_source aufile,%[4]s/tone.wav
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports %[3]s
rtcp_mux no
jitter_buffer_delay 5-10
snd_path %[4]s
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
module_tmp uuid.so
ctrl_tcp_listen %[2]s
statmode_default off
menu_bell no
ringback_disabled yes
`

// A Baresip is a running baresip that registered as a user.
type Baresip struct {
	tb      testing.TB
	dir     string
	user    string
	output  *output
	control net.Conn

	mu     sync.Mutex
	events []string // types of the events so far
}

// StartBaresip starts baresip as a user over "tcp" or "udp", playing a tone
// into every call, and waits until it registered.
func StartBaresip(tb testing.TB, program string, n *Node, user, transport string, hertz float64) *Baresip {
	tb.Helper()
	b := &Baresip{tb: tb, dir: tb.TempDir(), user: user, output: new(output)}
	own := house.Address(tb)
	control := netip.AddrPortFrom(own, baresipControl)
	account := fmt.Sprintf("<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=%s;answermode=manual;regint=60;outbound=\"sip:%s;transport=%s\"\n",
		user, Domain, transport, user, Password, n.Addr, transport)
	files := map[string]string{"config": fmt.Sprintf(baresipConfig, own, control, baresipSound, b.dir), "accounts": account, "contacts": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err := tone(hertz, 20).save(filepath.Join(b.dir, "tone.wav")); err != nil {
		tb.Fatal(err)
	}
	b.run(exec.Command(program, "-f", b.dir, "-v", "-s")) //nolint:gosec,noctx // ended at the end of the test
	b.connect(control)
	eventually(tb, user+" registered", 10*time.Second, func() bool { return n.registered(user) })
	return b
}

// registered reports whether a user has a binding.
func (n *Node) registered(user string) bool {
	var rows []struct{ User, State string }
	n.Ask("registrations", &rows)
	for _, r := range rows {
		if r.User == user && r.State == "up" {
			return true
		}
	}
	return false
}

func (b *Baresip) run(cmd *exec.Cmd) {
	b.tb.Helper()
	cmd.Stdout, cmd.Stderr = b.output, b.output
	if err := cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if b.tb.Failed() {
			b.tb.Logf("output of %s:\n%s", b.user, b.output.tail(12000))
		}
	})
}

// connect opens baresip's control connection: netstrings of JSON.
func (b *Baresip) connect(control netip.AddrPort) {
	b.tb.Helper()
	eventually(b.tb, b.user+" takes commands", 10*time.Second, func() bool {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(b.tb.Context(), "tcp", control.String())
		b.control = conn
		return err == nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.listen(bufio.NewReader(b.control))
	}()
	b.tb.Cleanup(func() {
		_ = b.control.Close()
		<-done
	})
}

func (b *Baresip) listen(r *bufio.Reader) {
	for {
		length, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(length[:len(length)-1])
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		text := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		var event struct{ Type string }
		if json.Unmarshal(text[:n], &event) == nil && event.Type != "" {
			b.mu.Lock()
			b.events = append(b.events, event.Type)
			b.mu.Unlock()
		}
	}
}

// Does sends a command of baresip's menu.
func (b *Baresip) Does(command, params string) {
	b.tb.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params, "token": command})
	if err == nil {
		_, err = fmt.Fprintf(b.control, "%d:%s,", len(text), text)
	}
	if err != nil {
		b.tb.Fatalf("%s: %s %s: %v", b.user, command, params, err)
	}
}

// Sees waits for an event: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED...
func (b *Baresip) Sees(event string) {
	b.tb.Helper()
	eventually(b.tb, b.user+" sees "+event, 10*time.Second, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, e := range b.events {
			if e == event {
				b.events = b.events[i+1:]
				return true
			}
		}
		return false
	})
}

// heard returns a second of the sound that was received in the last call.
func (b *Baresip) heard() (wave, error) {
	files, err := filepath.Glob(filepath.Join(b.dir, "dump-*-dec.wav"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("%s wrote %d files of what it heard, want 1", b.user, len(files))
	}
	w, err := loadWave(files[0])
	if err != nil {
		return nil, err
	}
	return w.middle()
}
