package document

import "strconv"

// A Mailbox is what the light for waiting messages is told.
type Mailbox struct {
	Account              string // the address of the mailbox
	New, Old             int    // voice messages
	UrgentNew, UrgentOld int    // of these
}

// MessageSummary returns the body for a mailbox (RFC 3842 section 5.2). An account
// with a control character is left out.
func MessageSummary(m Mailbox) []byte {
	dst := append([]byte(nil), "Messages-Waiting: "...)
	if m.New > 0 {
		dst = append(dst, "yes\r\n"...)
	} else {
		dst = append(dst, "no\r\n"...)
	}
	if m.Account != "" && !hasControl(m.Account) {
		dst = append(append(append(dst, "Message-Account: "...), m.Account...), "\r\n"...)
	}
	dst = append(dst, "Voice-Message: "...)
	dst = appendCounts(dst, m.New, m.Old)
	dst = append(dst, " ("...)
	dst = appendCounts(dst, m.UrgentNew, m.UrgentOld)
	return append(dst, ")\r\n"...)
}

func appendCounts(dst []byte, fresh, old int) []byte {
	dst = append(strconv.AppendInt(dst, int64(max(0, fresh)), 10), '/')
	return strconv.AppendInt(dst, int64(max(0, old)), 10)
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
