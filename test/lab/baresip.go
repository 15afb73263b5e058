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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/house/wire"
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
	tb       testing.TB
	dir      string
	user     string
	own      netip.Addr
	hertz    float64 // of its tone
	process  *os.Process
	contacts string // of its address book
	output   *output
	control  net.Conn

	mu     sync.Mutex
	events []string // types of the events so far
}

// StartBaresip starts baresip on a host of its own as a user over "tcp", "udp" or
// "tls", playing a tone into every call, and waits until it registered. Over TLS it
// is told whom to believe, but Debian's believes everybody.
func StartBaresip(tb testing.TB, program string, h Host, n *Node, user, transport string, hertz float64) *Baresip {
	tb.Helper()
	config := ""
	b := newBaresip(tb, h, user, hertz)
	if transport == "tls" {
		b.writes("authority.pem", n.Authority())
		config = "sip_cafile " + filepath.Join(b.dir, "authority.pem") + "\n"
	}
	b.starts(program, h, config, fmt.Sprintf(";transport=%s>;outbound=\"sip:%s:%d;transport=%s\"", transport, n.Addr, wire.Port(transport), transport))
	eventually(tb, user+" registered", 10*time.Second, func() bool { return n.holds(user, b.own) })
	return b
}

func newBaresip(tb testing.TB, h Host, user string, hertz float64) *Baresip {
	tb.Helper()
	return &Baresip{tb: tb, dir: tb.TempDir(), user: user, own: h.Addr, hertz: hertz, output: new(output)}
}

func (b *Baresip) writes(file, text string) {
	b.tb.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, file), []byte(text), 0o600); err != nil {
		b.tb.Fatal(err)
	}
}

// starts starts the program with more lines in its configuration, and its account's
// address ending so.
func (b *Baresip) starts(program string, h Host, config, account string) {
	b.tb.Helper()
	control := netip.AddrPortFrom(h.Addr, baresipControl)
	b.writes("config", fmt.Sprintf(baresipConfig, b.own, control, baresipSound, b.dir)+config)
	b.writes("accounts", fmt.Sprintf("<sip:%s@%s%s;auth_user=%s;auth_pass=%s;answermode=manual;regint=60\n", b.user, Domain, account, b.user, Password))
	b.writes("contacts", b.contacts)
	if err := tone(b.hertz, 20).save(filepath.Join(b.dir, "tone.wav")); err != nil {
		b.tb.Fatal(err)
	}
	b.run(h.command(program, "-f", b.dir, "-v", "-s"))
	b.connect(h, control)
}

// StartBaresipWatcher starts a baresip over TCP that publishes what its user does, and
// watches another user.
func StartBaresipWatcher(tb testing.TB, program string, h Host, n *Node, user, watched string) *Baresip {
	tb.Helper()
	b := newBaresip(tb, h, user, 440)
	b.contacts = fmt.Sprintf("\"%[1]s\" <sip:%[1]s@%[2]s>;presence=p2p\n", watched, Domain)
	b.starts(program, h, "module_app contact.so\nmodule_app presence.so\n", fmt.Sprintf(";transport=tcp>;outbound=\"sip:%s:5060;transport=tcp\";pubint=60", n.Addr))
	tb.Cleanup(func() { _ = b.process.Kill() }) // it would wait for what it publishes last
	return b
}

// IsTold waits until a message came that has a text; of what it was told first the
// phone says nothing itself.
func (b *Baresip) IsTold(text string) {
	b.tb.Helper()
	eventually(b.tb, b.user+" is told "+text, 20*time.Second, func() bool { return strings.Contains(b.says(), text) })
}

// Knows waits until the phone has said of whom it watches that he is now so.
func (b *Baresip) Knows(was, is string) {
	b.tb.Helper()
	line := "changed status from " + was + " to " + is
	eventually(b.tb, b.user+" sees that somebody "+line, 10*time.Second, func() bool { return strings.Contains(b.says(), line) })
}

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// says returns what the phone has written, without its colours.
func (b *Baresip) says() string { return colours.ReplaceAllString(b.output.tail(1<<20), "") }

// holds reports whether a user has a phone at an address that is up.
func (n *Node) holds(user string, at netip.Addr) bool {
	n.tb.Helper()
	return slices.ContainsFunc(n.registrations(user), func(r admin.Registration) bool {
		return r.User == user && r.State == "up" && strings.Contains(r.Contact, "@"+at.String())
	})
}

func (b *Baresip) run(cmd *exec.Cmd) {
	b.tb.Helper()
	cmd.Stdout, cmd.Stderr = b.output, b.output
	if err := cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	b.process = cmd.Process
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
func (b *Baresip) connect(h Host, control netip.AddrPort) {
	b.tb.Helper()
	eventually(b.tb, b.user+" takes commands", 10*time.Second, func() bool {
		return h.from(func() (err error) {
			b.control, err = net.DialTimeout("tcp", control.String(), time.Second) //nolint:noctx // a second
			return err
		}) == nil
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

// traced is a SIP message as baresip writes it down when it is told -s.
var traced = regexp.MustCompile(`(?s)#\n\w+ (\S+):\d+ -> \S+\n(.*?)\x1b\[;m`)

// story returns the messages of the phone's last call in their order, < those it
// received and > those it sent, by method or status and the text of Reason,
// without 100.
func (b *Baresip) story() string {
	var call string
	var words []string
	for _, found := range traced.FindAllStringSubmatch(b.output.tail(1<<20), -1) {
		m, err := wire.Parse(found[2])
		if err != nil || m.Method() == "REGISTER" || m.Status() == 100 {
			continue
		}
		if id := m.Get("Call-ID"); m.Method() == "INVITE" && m.Request() && id != call {
			call, words = id, nil
		}
		if m.Get("Call-ID") == call {
			words = append(words, way(found[1] == b.own.String())+what(m))
		}
	}
	return strings.Join(words, " ")
}

func way(sent bool) string {
	if sent {
		return ">"
	}
	return "<"
}

func what(m wire.Message) string {
	if reason := wire.Param(m.Get("Reason"), "text"); reason != "" {
		return m.Method() + ":" + reason
	}
	if m.Request() {
		return m.Method()
	}
	return strconv.Itoa(m.Status())
}

// Lives waits until the story of the phone's last call is this one.
func (b *Baresip) Lives(story string) {
	b.tb.Helper()
	var got string
	defer func() {
		if b.tb.Failed() {
			b.tb.Logf("story of %s: %s", b.user, got)
		}
	}()
	eventually(b.tb, b.user+" lives "+story, 10*time.Second, func() bool {
		got = b.story()
		return got == story
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

// Baresip starts baresip over TCP on a host of its own at a site.
func (s *System) Baresip(program, site, node, user string, hertz float64) *Baresip {
	s.tb.Helper()
	h := s.Host(site, fmt.Sprintf("%s-phone%d", site, len(s.hosts)))
	return StartBaresip(s.tb, program, h, s.nodes[node], user, "tcp", hertz)
}

// BaresipByName is Baresip that is told no address but those of the name servers of
// its site, in this order.
func (s *System) BaresipByName(program, site, user string, resolvers []netip.AddrPort) *Baresip {
	s.tb.Helper()
	h := s.Host(site, fmt.Sprintf("%s-phone%d", site, len(s.hosts)))
	b := newBaresip(s.tb, h, user, 440)
	var config strings.Builder
	for _, r := range resolvers {
		fmt.Fprintf(&config, "dns_server %s\n", r)
	}
	b.starts(program, h, config.String(), ";transport=tcp>")
	eventually(s.tb, user+" registered", time.Minute, func() bool { return s.nodes[s.first].holds(user, b.own) })
	return b
}
