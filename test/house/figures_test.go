package house

import (
	"strings"
	"testing"
)

// What passed is what the figures say, and nobody is named in them.
func TestFiguresTellWhatPassed(t *testing.T) {
	h := New(t)
	laurel := h.Node("laurel")
	alice, bob := h.Phone("alice"), h.Phone("bob") // over TCP nothing is sent twice

	call := alice.Calls("bob")
	bob.Rings().Answers()
	call.IsAnswered()
	laurel.HasCalls(1, "up")
	during := laurel.Figures()
	call.HangsUp()
	laurel.IsIdle()
	busy := alice.Calls("bob")
	bob.Rings().Refuses(486)
	busy.EndsWith(486)
	laurel.IsIdle()

	var after Figures
	want := Figures{
		`carillon_registrations`:                                                         2,
		`carillon_registrations_total{result="accepted"}`:                                2,
		`carillon_registrations_total{result="challenged"}`:                              2,
		`carillon_sip_flows{transport="tcp"}`:                                            2,
		`carillon_sip_requests_total{direction="received",method="REGISTER"}`:            4,
		`carillon_sip_requests_total{direction="received",method="INVITE"}`:              2,
		`carillon_sip_requests_total{direction="sent",method="BYE"}`:                     1,
		`carillon_sip_responses_total{class="4xx",direction="sent",method="REGISTER"}`:   2,
		`carillon_sip_responses_total{class="2xx",direction="sent",method="INVITE"}`:     1,
		`carillon_sip_responses_total{class="4xx",direction="received",method="INVITE"}`: 1,
		`carillon_sip_answers_total{class="2xx",method="REGISTER"}`:                      2,
		`carillon_sip_answers_total{class="4xx",method="REGISTER"}`:                      2,
		`carillon_sip_answers_total{class="2xx",method="INVITE"}`:                        1,
		`carillon_sip_answers_total{class="4xx",method="INVITE"}`:                        1,
		`carillon_sip_answers_total{class="2xx",method="BYE"}`:                           1,
		`carillon_sip_answer_seconds{method="INVITE"}`:                                   2,
		`carillon_call_setup_seconds`:                                                    2,
		`carillon_sip_transactions_total{kind="invite_server"}`:                          2,
		`carillon_sip_waiting{what="ringing"}`:                                           0,
		`carillon_calls{state="up"}`:                                                     0,
		`carillon_sip_malformed_total{transport="udp"}`:                                  0,
		`carillon_mode{mode="cluster"}`:                                                  1,
		`carillon_sip_dropped_total{reason="overload"}`:                                  0,
		`carillon_cluster_refused_total{reason="stranger"}`:                              0,
	}
	wrong := ""
	if !soon(func() bool {
		after, wrong = laurel.Figures(), ""
		for name, value := range want {
			if got, ok := after[name]; !ok || got != value {
				wrong = name
			}
		}
		return wrong == ""
	}) {
		t.Errorf("%s: got %v, want %v", wrong, after[wrong], want[wrong])
	}
	if got := during[`carillon_calls{state="up"}`]; got != 1 {
		t.Errorf("calls while one was up: got %v, want 1", got)
	}
	for _, name := range []string{"go_goroutines", "go_gc_heap_live_bytes", "process_resident_memory_bytes", "process_open_fds"} {
		if _, ok := after[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	for name := range after {
		for _, secret := range []string{"alice", "bob", "127.", Domain} {
			if strings.Contains(name, secret) {
				t.Errorf("%s names somebody", name)
			}
		}
	}
}
