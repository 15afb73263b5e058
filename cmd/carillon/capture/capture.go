// Package capture writes messages as a text file that Wireshark takes: "Import
// from Hex Dump", or text2pcap on the command line. Each message becomes an IP
// packet of its own, with the addresses it went between, so that one file has
// the messages of many phones. It makes text of values and knows no terminal.
package capture

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"carillon/node/admin"
)

// The time before each packet, for Go and for strptime.
const (
	goTime   = "2006-01-02T15:04:05.000000"
	stampfmt = "%Y-%m-%dT%H:%M:%S.%f"
)

// Write writes messages, which must be in the order of time. name is the file's,
// for the command line in its first line.
func Write(to io.Writer, name string, messages []admin.Message) error {
	w := new(bytes.Buffer)
	fmt.Fprintf(w, "# TZ=UTC text2pcap -D -t '%s' -l 101 %s %s\n", stampfmt, quote(name), quote(name+".pcapng"))
	w.WriteString("# Wireshark: File, Import from Hex Dump; timestamps in UTC as above, direction indication, encapsulation Raw IP.\n" +
		"# What was encrypted is shown as it was inside, as TCP. Stars stand for what was secret.\n")
	conversations := make(conversations)
	for _, m := range messages {
		packet, err := conversations.packet(m)
		if err != nil {
			fmt.Fprintf(w, "\n# left out: %v\n", err)
			continue
		}
		writePacket(w, m, packet)
	}
	_, err := to.Write(w.Bytes())
	return err
}

// writePacket writes one packet: what it is, as a remark; where and when it was
// seen; and its bytes.
func writePacket(w *bytes.Buffer, m admin.Message, packet []byte) {
	direction := "I"
	if m.Sent {
		direction = "O"
	}
	fmt.Fprintf(w, "\n# %s %s %s\n%s %s\n", plain(m.Node), m.Transport, plain(m.Start), direction, m.Time.In(time.UTC).Format(goTime))
	for at := 0; at < len(packet); at += 16 {
		part := packet[at:min(at+16, len(packet))]
		fmt.Fprintf(w, "%06x", at)
		for _, b := range part {
			fmt.Fprintf(w, " %02x", b)
		}
		w.WriteByte('\n')
	}
}

// plain keeps a remark on its line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// quote makes a word of the shell.
func quote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:@") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(plain(s), "'", `'\''`) + "'"
}
