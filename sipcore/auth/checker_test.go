package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/store"
)

const realm = "rig.test"

func find(user string) (store.Digests, bool) {
	switch user {
	case "201":
		return store.MakeDigests("201", realm, "pw"), true
	case "nopass":
		return store.Digests{}, true
	}
	return store.Digests{}, false
}

// answer is what a phone makes of a challenge, computed apart from the code
// under test.
type answer struct {
	user, realm, nonce, password, method, uri, algorithm, qop, nc, cnonce string
}

func answering(nonce string, edit ...func(*answer)) answer {
	a := answer{
		user: "201", realm: realm, nonce: nonce, password: "pw", method: "REGISTER", uri: "sip:rig.test",
		qop: "auth", nc: "00000001", cnonce: "6b8b4567",
	}
	for _, f := range edit {
		f(&a)
	}
	return a
}

func (a answer) response() string {
	h := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	if a.algorithm == "SHA-256" {
		h = func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	}
	middle := ":" + a.nonce + ":"
	if a.qop != "" {
		middle += a.nc + ":" + a.cnonce + ":" + a.qop + ":"
	}
	return h(h(a.user+":"+a.realm+":"+a.password) + middle + h(a.method+":"+a.uri))
}

func (a answer) header() string {
	s := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`, a.user, a.realm, a.nonce, a.uri, a.response())
	if a.algorithm != "" {
		s += ", algorithm=" + a.algorithm
	}
	if a.qop != "" {
		s += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, a.qop, a.nc, a.cnonce)
	}
	return s
}

func request(tb testing.TB, authorizations ...string) *message.Message {
	tb.Helper()
	lines := ""
	for _, a := range authorizations {
		lines += "Authorization: " + a + "\r\n"
	}
	m, err := message.ParseString("REGISTER sip:rig.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n" +
		"From: <sip:201@rig.test>;tag=1\r\nTo: <sip:201@rig.test>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n" + lines + "Content-Length: 0\r\n\r\n")
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestCheck(t *testing.T) {
	s := sealer()
	fresh, old := s.Nonce(here(), now()), s.Nonce(here(), now().Add(-time.Hour))
	sha := func(a *answer) { a.algorithm = "SHA-256" }
	noQop := func(a *answer) { a.qop = "" }
	with := func(nonce string, edit ...func(*answer)) string { return answering(nonce, edit...).header() }
	tests := []struct {
		name    string
		headers []string
		user    string
		want    Result
	}{
		{"MD5", []string{with(fresh)}, "201", OK},
		{"SHA-256", []string{with(fresh, sha)}, "201", OK},
		{"MD5 by name", []string{with(fresh, func(a *answer) { a.algorithm = "md5" })}, "201", OK},
		{"without qop", []string{with(fresh, noQop)}, "201", OK},
		{"SHA-256 without qop", []string{with(fresh, sha, noQop)}, "201", OK},
		{"another URI", []string{with(fresh, func(a *answer) { a.uri = "sip:127.0.0.1:5060" })}, "201", OK},
		{"a response in capitals", []string{strings.Replace(with(fresh), answering(fresh).response(), strings.ToUpper(answering(fresh).response()), 1)}, "201", OK},
		{"odd spacing", []string{strings.NewReplacer(", ", "\r\n ,\t", "=", " = ").Replace(with(fresh))}, "201", OK},
		{"for another realm too", []string{with("x", func(a *answer) { a.realm = "other" }), with(fresh)}, "201", OK},

		{"none", nil, "", Missing},
		{"for another realm", []string{with(fresh, func(a *answer) { a.realm = "other" })}, "", Missing},
		{"another scheme", []string{"NoOneKnowsThisScheme opaque-data=here"}, "", Missing},
		{"not asked yet", []string{`Digest username="201", realm="rig.test", nonce="", uri="sip:rig.test", response=""`}, "", Missing},

		{"wrong password", []string{with(fresh, func(a *answer) { a.password = "wp" })}, "201", Wrong},
		{"wrong password, old nonce", []string{with(old, func(a *answer) { a.password = "wp" })}, "201", Wrong},
		{"no such user", []string{with(fresh, func(a *answer) { a.user = "999" })}, "999", Wrong},
		{"a user without a password", []string{with(fresh, func(a *answer) { a.user, a.password = "nopass", "" })}, "nopass", Wrong},
		{"another method", []string{with(fresh, func(a *answer) { a.method = "INVITE" })}, "201", Wrong},
		{"an algorithm that was not offered", []string{with(fresh, func(a *answer) { a.algorithm = "MD5-sess" })}, "201", Wrong},
		{"a response that is no hash", []string{strings.Replace(with(fresh), answering(fresh).response(), "xyz", 1)}, "201", Wrong},
		{"an MD5 response called SHA-256", []string{with(fresh) + ", algorithm=SHA-256"}, "201", Wrong},
		{"user@domain is found", []string{with(fresh, func(a *answer) { a.user = "201@RIG.test" })}, "201", Wrong},

		{"old nonce", []string{with(old)}, "201", Stale},
		{"a nonce from elsewhere", []string{with("dcd98b7102dd2f0e8b11d0f600bfb0c0")}, "201", Stale},
		{"nc of zero", []string{with(fresh, func(a *answer) { a.nc = "00000000" })}, "201", Stale},

		{"cut off", []string{with(fresh)[:60]}, "", Malformed},
		{"a parameter twice", []string{with(fresh) + `, uri="sip:x"`}, "", Malformed},
		{"no response", []string{`Digest username="201", realm="rig.test", nonce="` + fresh + `", uri="sip:rig.test"`}, "", Malformed},
		{"no cnonce", []string{with(fresh, noQop) + ", qop=auth, nc=00000001"}, "", Malformed},
		{"auth-int", []string{with(fresh, func(a *answer) { a.qop = "auth-int" })}, "201", Malformed},
		{"nc is no number", []string{with(fresh, func(a *answer) { a.nc = "x" })}, "201", Malformed},
		{"far too long", []string{with(fresh, func(a *answer) { a.cnonce = strings.Repeat("x", maxParameter+1) })}, "", Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewChecker(s, nil)
			user, got := c.Check(request(t, tt.headers...), message.Authorization, realm, Sender{}, find, now())
			if user != tt.user || got != tt.want {
				t.Errorf("got %q, %v; want %q, %v", user, got, tt.user, tt.want)
			}
		})
	}
}

func TestCheckCountsUses(t *testing.T) {
	s := sealer()
	c := NewChecker(s, nil)
	nonce := s.Nonce(here(), now())
	noQop := func(a *answer) { a.qop = "" }
	nc := func(n string) func(*answer) { return func(a *answer) { a.nc = n } }
	for i, step := range []struct {
		edit func(*answer)
		want Result
	}{
		{func(a *answer) { a.password = "wrong" }, Wrong}, // does not use it up
		{nc("00000001"), OK},
		{nc("00000001"), Stale},
		{nc("00000002"), OK},
		{noQop, Stale},
		{nc("0000000a"), OK},
	} {
		_, got := c.Check(request(t, answering(nonce, step.edit).header()), message.Authorization, realm, Sender{}, find, now())
		if got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

// TestDigestExamples has the examples of RFC 7616 section 3.9.1.
func TestDigestExamples(t *testing.T) {
	const user, area, password = "Mufasa", "http-auth@example.org", "Circle of Life"
	c := credentials{
		username: user, realm: area, uri: "/dir/index.html", qop: "auth", nc: "00000001",
		nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	}
	tests := []struct {
		algorithm algorithm
		want      string
	}{
		{algorithmMD5, "8ca523f5e9506fed4657c9700eebdbec"},
		{algorithmSHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	}
	for _, tt := range tests {
		var w work
		ha1 := tt.algorithm.ha1(store.MakeDigests(user, area, password))
		if got := hex.EncodeToString(w.want(tt.algorithm, &c, "GET", ha1)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestChallenge(t *testing.T) {
	tests := []struct {
		agent      string
		algorithms []string
	}{
		{"", []string{"MD5", "SHA-256"}},
		{"Yealink SIP-T46S 66.86.0.15", []string{"MD5", "SHA-256"}},
		{"baresip v1.0.0 (x86_64/linux)", []string{"MD5"}},
		{"baresip v3.11.0 (x86_64/Linux)", []string{"MD5"}},
		{"baresip v3.12.0 (x86_64/Linux)", []string{"MD5", "SHA-256"}},
		{"baresip v4.0.0", []string{"MD5", "SHA-256"}},
		{"baresip vx", []string{"MD5"}},
	}
	for _, tt := range tests {
		for _, stale := range []bool{false, true} {
			s := sealer()
			m := request(t)
			if tt.agent != "" {
				m = request(t, "Nothing x\r\nUser-Agent: "+tt.agent)
			}
			got := NewChecker(s, nil).ChallengeFor(m, realm, stale, here(), now())
			var algorithms []string
			for _, value := range got {
				_, rest, _ := strings.Cut(value, "algorithm=")
				name, _, _ := strings.Cut(rest, ",")
				algorithms = append(algorithms, name)
				if strings.Contains(value, "stale=true") != stale || !strings.HasPrefix(value, `Digest realm="rig.test", nonce="`) {
					t.Errorf("%q: got %q with stale %v", tt.agent, value, stale)
				}
			}
			if !slices.Equal(algorithms, tt.algorithms) {
				t.Errorf("%q: got %q, want %q", tt.agent, algorithms, tt.algorithms)
			}
		}
	}
}

// FuzzCheck: whatever a stranger sends, it does not get in and does no harm.
func FuzzCheck(f *testing.F) {
	s := sealer()
	c := NewChecker(s, nil)
	good := answering(s.Nonce(here(), now())).header()
	f.Add(good)
	f.Add(`Digest a="\`)
	f.Add("Digest =,=,")
	f.Fuzz(func(t *testing.T, value string) {
		m, err := message.ParseString("REGISTER sip:rig.test SIP/2.0\r\nAuthorization: " + value + "\r\n\r\n")
		if err != nil || m == nil || strings.Contains(value, s.Nonce(here(), now())[:8]) {
			return
		}
		nobody := func(string) (store.Digests, bool) { return store.Digests{MD5: strings.Repeat("0", 32)}, true }
		if _, r := c.Check(m, message.Authorization, realm, Sender{}, nobody, now()); r == OK {
			t.Errorf("%q is let in", value)
		}
	})
}

func ExampleChecker_Check() {
	s := NewSealer([32]byte{}, "laurel")
	c := NewChecker(s, nil)
	m, _ := message.ParseString("REGISTER sip:rig.test SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n\r\n")
	_, result := c.Check(m, message.Authorization, "rig.test", Sender{}, find, time.Now())
	fmt.Println(result, len(c.ChallengeFor(m, "rig.test", false, netip.Addr{}, time.Now())))
	// Output: missing 2
}

func BenchmarkCheck(b *testing.B) {
	for _, algorithm := range []string{"", "SHA-256"} {
		b.Run("algorithm="+algorithm, func(b *testing.B) {
			s := sealer()
			c := NewChecker(s, nil)
			m := request(b, answering(s.Nonce(here(), now()), func(a *answer) { a.algorithm = algorithm }).header())
			digests, _ := find("201")
			b.ReportAllocs()
			for b.Loop() {
				c.Check(m, message.Authorization, realm, Sender{}, func(string) (store.Digests, bool) { return digests, true }, now())
			}
		})
	}
}

func BenchmarkChallenge(b *testing.B) {
	c := NewChecker(sealer(), nil)
	m := request(b)
	b.ReportAllocs()
	for b.Loop() {
		c.ChallengeFor(m, realm, false, here(), now())
	}
}
