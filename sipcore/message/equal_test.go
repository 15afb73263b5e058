package message

import "testing"

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		// RFC 3261 19.1.4, its examples in other words
		{"sip:%62ell@tower.example;transport=TCP", "SIP:bell@Tower.EXAMPLE;Transport=tcp", true},
		{"sip:carol@h", "sip:carol@h;newparam=5", true},
		{"sip:carol@h", "sip:carol@h;security=on", true},
		{"sip:carol@h;security=off", "sip:carol@h;security=on", false},
		{"sip:h;transport=tcp;method=REGISTER?to=a&b=c", "sip:h;method=REGISTER;transport=tcp?b=c&to=a", true},
		{"sip:a@h?subject=x&priority=y", "sip:a@h?priority=y&subject=x", true},
		{"sip:ALICE@h", "sip:alice@h", false},
		{"sip:a@h", "sip:a@h:5060", false},
		{"sip:a@h", "sip:a@h;transport=udp", false},
		{"sip:a@h", "sip:a@h:6000;transport=tcp", false},
		{"sip:a@h", "sip:a@h?subject=x", false},
		{"sip:a@h?subject=x", "sip:a@h?subject=y", false},
		{"sip:a@phone21.example", "sip:a@192.0.2.4", false},

		{"sip:a@h", "sips:a@h", false},
		{"sip:a:b@h", "sip:a:c@h", false},
		{"sip:h", "sip:a@h", false},
		{"sip:a@h;user=phone", "sip:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h", false},
		{"sip:a@h;%6daddr=1", "sip:a@h", false},
		{"sip:a@h;lr", "sip:a@h;LR", true},
		{"sip:a@h;lr;;", "sip:a@h", true},
		{"sip:a%40b@h", "sip:a%40b@h", true},
		{"sip:a;b@h", "sip:a%3bb@h", false}, // an escaped reserved character is another one
		{"sip:a%3Bb@h", "sip:a%3bb@h", true},
		{"sip:a%2525@h", "sip:a%25@h", false},
		{"tel:+1-212-555(0100)", "tel:+12125550100", true},
		{"tel:+12125550100", "tel:+12125550101", false},
		{"tel:101;phone-context=a", "tel:101", false},
		{"tel:101;phone-context=a;x=1", "tel:1-01;X=1;Phone-Context=A", true},
		{"tel:1-", "tel:1", true},
		{"sip:a@h;x;x=1", "sip:a@h;x;x=1", true}, // twice is malformed, and yet itself
		{"urn:a", "URN:a", true},
		{"urn:a", "urn:b", false},
	}
	for _, test := range tests {
		a, errA := ParseURI(test.a)
		b, errB := ParseURI(test.b)
		if errA != nil || errB != nil {
			t.Fatalf("%s, %s: %v, %v", test.a, test.b, errA, errB)
		}
		if a.Equal(b) != test.want || b.Equal(a) != test.want {
			t.Errorf("%s, %s: got %v, %v, want %v", test.a, test.b, a.Equal(b), b.Equal(a), test.want)
		}
	}
}
