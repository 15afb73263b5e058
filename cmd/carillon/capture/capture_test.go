package capture

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/node/admin"
	"carillon/test/tool"
)

func options(cseq string) string {
	return "OPTIONS sip:a SIP/2.0\r\nCSeq: " + cseq + " OPTIONS\r\nContent-Length: 0\r\n\r\n"
}

func messages() []admin.Message {
	at := time.Date(2026, 9, 1, 10, 15, 1, 123456789, time.FixedZone("", 7200))
	peer := func(address string) admin.End { return admin.End{Address: address} }
	return []admin.Message{
		{Time: at, Node: "laurel", Transport: "udp", Local: "127.0.0.1:5060", Peer: peer("127.0.0.2:5070"), Start: "OPTIONS", Text: options("1")},
		{Time: at.Add(time.Second), Node: "laurel", Sent: true, Transport: "tcp", Local: "[2001:db8::1]:5060", Peer: peer("[2001:db8::2]:40000"), Start: "200\n OK", Text: options("2")},
		{Time: at.Add(2 * time.Second), Node: "laurel", Sent: true, Transport: "tls", Local: "127.0.0.1:5061", Peer: peer("127.0.0.3:40000"), Start: "OPTIONS", Text: options("3")},
		{Time: at.Add(3 * time.Second), Node: "laurel", Sent: true, Transport: "tls", Local: "127.0.0.1:5061", Peer: peer("127.0.0.3:40000"), Start: "OPTIONS", Text: options("4")},
		{Time: at, Node: "laurel", Transport: "udp", Local: "127.0.0.1:5060", Peer: peer("nowhere"), Start: "OPTIONS", Text: options("5")},
	}
}

func TestText(t *testing.T) {
	var got strings.Builder
	if err := Write(&got, "a b.txt", messages()[:1]); err != nil {
		t.Fatal(err)
	}
	const want = `# TZ=UTC text2pcap -D -t '%Y-%m-%dT%H:%M:%S.%f' -l 101 'a b.txt' 'a b.txt.pcapng'
# Wireshark: File, Import from Hex Dump; timestamps in UTC as above, direction indication, encapsulation Raw IP.
# What was encrypted is shown as it was inside, as TCP. Stars stand for what was secret.

# laurel udp OPTIONS
I 2026-09-01T08:15:01.123456
000000 45 00 00 59 00 00 40 00 40 11 3c 91 7f 00 00 02
000010 7f 00 00 01 13 ce 13 c4 00 45 0b fb 4f 50 54 49
000020 4f 4e 53 20 73 69 70 3a 61 20 53 49 50 2f 32 2e
000030 30 0d 0a 43 53 65 71 3a 20 31 20 4f 50 54 49 4f
000040 4e 53 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e 67
000050 74 68 3a 20 30 0d 0a 0d 0a
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// What the first line of the file says makes a capture of each packet at its
// time, with the bytes that were there.
func TestText2pcapTakesIt(t *testing.T) {
	tool.Need(t, "text2pcap", "wireshark-common")
	dir := t.TempDir()
	var text bytes.Buffer
	if err := Write(&text, "call one.txt", messages()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "call one.txt"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(text.String(), "\n")
	cmd := exec.Command("sh", "-c", strings.TrimPrefix(first, "# "))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", first, err, out)
	}
	file, err := os.ReadFile(filepath.Join(dir, "call one.txt.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	got := packets(file)
	if len(got) != 4 {
		t.Fatalf("got %d packets, want 4", len(got))
	}
	for i, m := range messages()[:4] {
		if !bytes.HasSuffix(got[i].data, []byte(m.Text)) || !got[i].at.Equal(m.Time.Truncate(time.Microsecond)) || got[i].out != m.Sent {
			t.Errorf("packet %d: got %q at %s, out %v; want it to end in %q at %s", i+1, got[i].data, got[i].at, got[i].out, m.Text, m.Time)
		}
	}
}

// A packet of a capture file.
type packet struct {
	at   time.Time
	out  bool
	data []byte
}

// packets reads the Enhanced Packet Blocks of a pcapng file as text2pcap writes
// it (draft-ietf-opsawg-pcapng section 4.3), with times in microseconds or
// nanoseconds, whichever gives this century.
func packets(file []byte) []packet {
	var all []packet
	le := binary.LittleEndian
	for len(file) >= 12 {
		kind, size := le.Uint32(file), le.Uint32(file[4:])
		body := file[8 : size-4]
		file = file[size:]
		if kind != 6 {
			continue
		}
		stamp, n := int64(le.Uint32(body[4:]))<<32|int64(le.Uint32(body[8:])), le.Uint32(body[12:])
		at := time.UnixMicro(stamp)
		if at.Year() > 2100 {
			at = time.Unix(0, stamp)
		}
		p := packet{at: at, data: body[20 : 20+n]}
		for options := body[20+(n+3)/4*4:]; len(options) >= 8; options = options[4+(le.Uint16(options[2:])+3)/4*4:] {
			if le.Uint16(options) == 2 {
				p.out = le.Uint32(options[4:])&3 == 2
			}
		}
		all = append(all, p)
	}
	return all
}

// Both checksums of a packet are right when the sum over all is zero.
func TestChecksums(t *testing.T) {
	c := make(conversations)
	for _, m := range messages()[:4] {
		p, err := c.packet(m)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := wayOf(m)
		protocol, header := p[6], 40
		if w.from.Addr().Is4() {
			protocol, header = p[9], 20
			if s := sum(0, p[:header]); s != 0 {
				t.Errorf("%s: checksum of the IP header is off by %x", m.Text, s)
			}
		}
		pseudo := append(w.from.Addr().AsSlice(), w.to.Addr().AsSlice()...)
		pseudo = append(pseudo, 0, 0, 0, byte(len(p)-header), 0, 0, 0, protocol)
		if s := sum(0, append(pseudo, p[header:]...)); s != 0 {
			t.Errorf("%s: checksum is off by %x", m.Text, s)
		}
	}
}

// The numbers of TCP go on, each way by itself, or Wireshark would take messages
// for repetitions.
func TestNumbersGoOn(t *testing.T) {
	c, m := make(conversations), messages()[1]
	want := []struct{ sent, acknowledged uint32 }{{1, 1}, {1, 1}, {1, 1}, {1, 1}}
	var out, in uint32
	for i, sent := range []bool{true, true, false, true} {
		m.Sent = sent
		if want[i].sent, want[i].acknowledged = 1+out, 1+in; !sent {
			want[i].sent, want[i].acknowledged = 1+in, 1+out
		}
		p, err := c.packet(m)
		if err != nil {
			t.Fatal(err)
		}
		segment := p[40:]
		if seq, ack := binary.BigEndian.Uint32(segment[4:]), binary.BigEndian.Uint32(segment[8:]); seq != want[i].sent || ack != want[i].acknowledged {
			t.Errorf("message %d: got %d and %d, want %+v", i+1, seq, ack, want[i])
		}
		if sent {
			out += uint32(len(m.Text))
		} else {
			in += uint32(len(m.Text))
		}
	}
}
