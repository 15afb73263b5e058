package metrics

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/cluster/session"
	"carillon/sipcore"
	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

func reading() Reading {
	r := Reading{
		Version: "v1", Mode: "survivable", Config: 7, Registrations: 3, Calls: map[string]int{"up": 2},
		Lines: []session.Line{{
			Link: session.Link{Node: "hardy", State: session.Up, RTT: 20 * time.Millisecond}, Budget: 64, Lag: 5,
			Out: map[string]uint64{"reg": 10}, In: map[string]uint64{"hello": 20},
		}},
	}
	r.Refused.BadToken = 4
	c := &r.SIP
	c.Traffic = map[transport.Kind]transport.Traffic{transport.TCP: {In: 5, Out: 6, Malformed: 1}}
	c.Flows = map[transport.Kind]int{transport.TCP: 9}
	c.Transport.Dropped.UDPFull = 8
	c.Messages.Received[message.INVITE][0] = 11
	c.Messages.Sent[message.Unknown][4] = 12
	c.Answers.Given[message.BYE][2] = 13
	c.Answers.SetUp = transaction.Durations{Sum: 31 * time.Second}
	c.Answers.SetUp.Counts[0], c.Answers.SetUp.Counts[len(c.Answers.SetUp.Counts)-1] = 1, 1
	return r
}

// figures returns the lines of an answer that are not zero, in its order.
func figures(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "carillon_") && !strings.HasSuffix(line, " 0") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestFigures(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(reading).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	want := strings.Split(`carillon_build_info{version="v1"} 1
carillon_call_setup_seconds_bucket{le="0.00025"} 1
carillon_call_setup_seconds_bucket{le="0.0005"} 1
carillon_call_setup_seconds_bucket{le="0.001"} 1
carillon_call_setup_seconds_bucket{le="0.0025"} 1
carillon_call_setup_seconds_bucket{le="0.005"} 1
carillon_call_setup_seconds_bucket{le="0.01"} 1
carillon_call_setup_seconds_bucket{le="0.025"} 1
carillon_call_setup_seconds_bucket{le="0.05"} 1
carillon_call_setup_seconds_bucket{le="0.1"} 1
carillon_call_setup_seconds_bucket{le="0.25"} 1
carillon_call_setup_seconds_bucket{le="0.5"} 1
carillon_call_setup_seconds_bucket{le="1"} 1
carillon_call_setup_seconds_bucket{le="2.5"} 1
carillon_call_setup_seconds_bucket{le="5"} 1
carillon_call_setup_seconds_bucket{le="10"} 1
carillon_call_setup_seconds_bucket{le="30"} 1
carillon_call_setup_seconds_bucket{le="+Inf"} 2
carillon_call_setup_seconds_sum 31
carillon_call_setup_seconds_count 2
carillon_calls{state="up"} 2
carillon_cluster_refused_total{reason="bad_token"} 4
carillon_config_index 7
carillon_link_budget_bits{node="hardy"} 64000
carillon_link_bytes_total{class="hello",direction="received",node="hardy"} 20
carillon_link_bytes_total{class="reg",direction="sent",node="hardy"} 10
carillon_link_lag_changes{node="hardy"} 5
carillon_link_round_trip_seconds{node="hardy"} 0.02
carillon_link_up{node="hardy"} 1
carillon_mode{mode="survivable"} 1
carillon_registrations 3
carillon_sip_answers_total{class="2xx",method="BYE"} 13
carillon_sip_dropped_total{reason="udp_full"} 8
carillon_sip_flows{transport="tcp"} 9
carillon_sip_malformed_total{transport="tcp"} 1
carillon_sip_messages_total{direction="received",transport="tcp"} 5
carillon_sip_messages_total{direction="sent",transport="tcp"} 6
carillon_sip_requests_total{direction="received",method="INVITE"} 11
carillon_sip_responses_total{class="4xx",direction="sent",method="other"} 12`, "\n")
	if diff := cmp.Diff(want, figures(w.Body.String())); diff != "" {
		t.Error(diff)
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{"UDPFull": "udp_full", "ConnLimit": "conn_limit", "Junk": "junk", "HalfMessage": "half_message", "ReadUDP": "read_udp"} {
		if got := snake(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// The port answers /metrics and nothing else, and is free when it is closed.
func TestPort(t *testing.T) {
	const local = "127.0.0.1"
	open := func(port uint16) *Server {
		t.Helper()
		h := Handler(func() Reading { return Reading{SIP: sipcore.Counters{}} })
		s, err := Open(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(local), port), h, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	at := netip.MustParseAddrPort(s.listener.Addr().String())
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/debug/pprof/": 404} {
		answer, err := http.Get("http://" + at.String() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if answer.StatusCode != want || err != nil || want == 200 && len(figures(string(text))) == 0 {
			t.Errorf("%s: got %d and %d bytes (%v), want %d", path, answer.StatusCode, len(text), err, want)
		}
		_ = answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := errors.Join(<-done, s.Close()); err != nil {
		t.Error(err)
	}
	if err := open(at.Port()).Close(); err != nil {
		t.Error(err)
	}
}
