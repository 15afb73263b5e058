package message

import "testing"

func TestReply(t *testing.T) {
	const lines = "v: SIP/2.0/UDP a;rport=1;received=192.0.2.1,\r\n SIP/2.0/UDP b\r\nMax-Forwards: 1\r\nRecord-Route: <sip:r>\r\nFROM : <sip:f>;tag=1 \r\n" +
		"To: sip:t\r\ni: c\r\nVia: SIP/2.0/UDP c\r\nTimestamp: 54\r\nCSeq: 1 INVITE\r\nl: 2\r\n\r\nhi"
	const repeated = "v: SIP/2.0/UDP a;rport=1;received=192.0.2.1,\r\n SIP/2.0/UDP b\r\n"
	tests := []struct {
		name  string
		lines string
		reply func(m *Message) Reply
		want  string
	}{
		{
			"100 has no tag and the timestamp", lines, func(m *Message) Reply { return m.Reply(100, "", "") },
			"SIP/2.0 100 Trying\r\n" + repeated + "FROM : <sip:f>;tag=1\r\nTo: sip:t\r\ni: c\r\nVia: SIP/2.0/UDP c\r\nTimestamp: 54\r\n" +
				"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"180 makes a dialog", lines, func(m *Message) Reply {
				r := m.Reply(180, "", "9")
				r.RecordRoutes()
				r.Add(Contact, "<sip:t@h>")
				r.AddNamed("X-Mine", "a\r\nb")
				r.AddNamed("not a name", "a")
				r.AddNamed("X-Fourth", "4")
				r.AddNamed("X-Fifth", "5")
				r.Body("text/plain", "hello")
				return r
			},
			"SIP/2.0 180 Ringing\r\n" + repeated + "Record-Route: <sip:r>\r\nFROM : <sip:f>;tag=1\r\nTo: sip:t;tag=9\r\ni: c\r\n" +
				"Via: SIP/2.0/UDP c\r\nCSeq: 1 INVITE\r\nContact: <sip:t@h>\r\nX-Mine: a  b\r\nX-Fourth: 4\r\nX-Fifth: 5\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		},
		{
			"the tag that is there stays", "Via: SIP/2.0/UDP a\r\nt: <sip:t;tag=no>;x;TAG=yes\r\n\r\n",
			func(m *Message) Reply { return m.Reply(599, "My\r\nown", "9") },
			"SIP/2.0 599 My  own\r\nVia: SIP/2.0/UDP a\r\nt: <sip:t;tag=no>;x;TAG=yes\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"a tag of the URI is none", "Via: SIP/2.0/UDP a\r\nt: <sip:t;tag=no>\r\n\r\n",
			func(m *Message) Reply { return m.Reply(599, "", "9") },
			"SIP/2.0 599 \r\nVia: SIP/2.0/UDP a\r\nt: <sip:t;tag=no>;tag=9\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"single lines once", "Via: a\r\nTo: 1\r\nTo: 2\r\nCSeq: 3\r\nCSeq: 4\r\nVia: b\r\n\r\n",
			func(m *Message) Reply { return m.Reply(400, "Multiple To", "9") },
			"SIP/2.0 400 Multiple To\r\nVia: a\r\nTo: 1;tag=9\r\nCSeq: 3\r\nVia: b\r\nContent-Length: 0\r\n\r\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mustParse(t, "INVITE sip:t SIP/2.0\r\n"+test.lines)
			if got := string(test.reply(m).AppendTo([]byte("> "))); got != "> "+test.want {
				t.Errorf("got  %q\nwant %q", got, "> "+test.want)
			}
		})
	}
}
