package message

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carillon/test/tool"
)

// TestTorture reads the messages of RFC 4475, which stand beside the project. What a proxy or registrar answers beyond syntax (416,
// 420, 483) is not this package's.
func TestTorture(t *testing.T) {
	const valid, response, ignored = 0, -1, -2
	tests := []struct {
		name string
		want int // status, valid, response = a valid one, ignored = an invalid response
	}{
		{"wsinv", valid},
		{"intmeth", valid},
		{"esc01", valid},
		{"escnull", valid},
		{"esc02", valid},
		{"lwsdisp", valid},
		{"longreq", valid},
		{"dblreq", valid},
		{"semiuri", valid},
		{"transports", valid},
		{"mpart01", valid},
		{"unreason", response},
		{"noreason", response},
		{"badinv01", 400},
		{"clerr", 400},
		{"ncl", 400},
		{"scalar02", 400},
		{"scalarlg", ignored},
		{"quotbal", 400},
		{"ltgtruri", 400},
		{"lwsruri", 400},
		{"lwsstart", 400},
		{"trws", 400},
		{"escruri", 400},
		{"baddate", valid}, // RFC 4475 3.1.2.12: the header may be ignored where it is not acted on
		{"regbadct", 400},
		{"badaspec", valid}, // 3.1.2.14: may be accepted
		{"baddn", 400},
		{"badvers", 505},
		{"mismatch01", 400},
		{"mismatch02", 400},
		{"bigcode", ignored},
		{"badbranch", valid}, // 3.2.1: taken as without a branch by the transaction layer
		{"insuf", 400},
		{"unkscm", valid},
		{"novelsc", valid},
		{"unksm2", valid},
		{"bext01", valid},
		{"invut", valid},
		{"regaut01", valid},
		{"multi01", 400},
		{"mcl01", 400},
		{"bcast", response},
		{"zeromf", valid},
		{"cparam01", valid},
		{"cparam02", valid},
		{"regescrt", valid},
		{"sdp01", valid},
		{"inv2543", valid},
	}
	dir := tool.Shared(t, "torture/rfc4475")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, test.name+".dat"))
			if err != nil {
				t.Fatal(err)
			}
			m, err := Parse(raw)
			if err == nil {
				err = m.Validate()
			}
			switch test.want {
			case valid, response:
				if err != nil || m.IsRequest() != (test.want == valid) {
					t.Errorf("got %v, %v, want it accepted", m, err)
				}
			case ignored:
				if err == nil || m != nil && m.IsRequest() {
					t.Errorf("got %v, want an error and no request", err)
				}
			default:
				checkRefused(t, m, err, test.want)
			}
		})
	}
}

func checkRefused(t *testing.T, m *Message, err error, want int) {
	t.Helper()
	var wrong *SyntaxError
	if !errors.As(err, &wrong) || wrong.Status != want || m == nil {
		t.Fatalf("got %v, %v, want %d and a message to answer", m, err, want)
	}
	reply, err := Parse(m.Reply(wrong.Status, wrong.Reason, "tag").AppendTo(nil))
	if err != nil || reply.Status() != want || reply.Count(Via) != m.Count(Via) {
		t.Errorf("the answer: got %v, %v", reply, err)
	}
	t.Log(strings.TrimSpace(wrong.Error()))
}
