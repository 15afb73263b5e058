package registrar

import "time"

// Expiry is how long a registration may last. Zero fields take their defaults.
type Expiry struct {
	Min     time.Duration // less is refused with 423; 1 min
	Max     time.Duration // for phones that keep their flow alive (RFC 5626); 1 h
	Plain   time.Duration // the most for all others; 1 min
	Default time.Duration // for who does not say; 1 h
}

// Phones decide how long an outage lasts: one that does not watch its flow
// notices at its next refresh that its node is gone. So such a phone gets a
// minute whatever it asks for, and the answer says so.
func (e Expiry) withDefaults() Expiry {
	setDefault(&e.Min, time.Minute)
	setDefault(&e.Max, time.Hour)
	setDefault(&e.Plain, time.Minute)
	setDefault(&e.Default, time.Hour)
	return e
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// grant returns what a phone gets that asks for a time that is not zero.
func (e Expiry) grant(asked time.Duration, outbound bool) time.Duration {
	if outbound {
		return min(asked, e.Max)
	}
	return min(asked, e.Plain)
}

// seconds reads the value of Expires or of the expires parameter. What is no
// number means an hour (RFC 3261 section 10.2.1.1), what is too large the most
// that there is.
func seconds(value string) time.Duration {
	const most = 1<<32 - 1
	n := uint64(0)
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return time.Hour
		}
		n = min(n*10+uint64(value[i]-'0'), most)
	}
	if value == "" {
		return time.Hour
	}
	return time.Duration(n) * time.Second
}
