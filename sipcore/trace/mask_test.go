package trace

import (
	"strings"
	"testing"
)

func TestMasked(t *testing.T) {
	const md5 = "6629fae49393a05397450978507c4ef1"
	hidden := strings.Repeat("*", len(md5))
	for _, tt := range []struct{ name, text, want string }{
		{
			"a digest",
			"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"201\", response=\"" + md5 + "\", nc=00000001\r\nExpires: 60\r\n\r\n",
			"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"201\", response=\"" + hidden + "\", nc=00000001\r\nExpires: 60\r\n\r\n",
		},
		{
			"a folded one, oddly written",
			"INVITE sip:a SIP/2.0\r\nproxy-AUTHORIZATION : Digest username=\"201,\r\n response=" + md5 + "\r\n\r\n",
			"INVITE sip:a SIP/2.0\r\nproxy-AUTHORIZATION : Digest username=\"201,\r\n response=" + hidden + "\r\n\r\n",
		},
		{
			"a scheme that is no digest",
			"INVITE sip:a SIP/2.0\nAuthorization: Basic YWxpY2U6cGFzcw==\nTo: x\n\n",
			"INVITE sip:a SIP/2.0\nAuthorization: ***** ****************\nTo: x\n\n",
		},
		{
			"what the server proves",
			"SIP/2.0 200 OK\r\nAuthentication-Info: qop=auth, rspauth=\"" + md5 + "\"\r\n\r\n",
			"SIP/2.0 200 OK\r\nAuthentication-Info: qop=auth, rspauth=\"" + hidden + "\"\r\n\r\n",
		},
		{
			"in URIs",
			"INVITE sip:202:geheim@tel.test SIP/2.0\r\nRefer-To: <sip:a@b?Authorization=Digest%20response%3D&x=1>\r\n\r\n",
			"INVITE sip:202:******@tel.test SIP/2.0\r\nRefer-To: <sip:a@b?Authorization=********************&x=1>\r\n\r\n",
		},
		{
			"no password before a port",
			"INVITE sip:tel.test:5060;x=a@b SIP/2.0\r\nTo: <sip:202@tel.test:5060>\r\nFrom: <sip:a@b>\r\nCall-ID: " + md5 + "\r\n\r\n",
			"INVITE sip:tel.test:5060;x=a@b SIP/2.0\r\nTo: <sip:202@tel.test:5060>\r\nFrom: <sip:a@b>\r\nCall-ID: " + md5 + "\r\n\r\n",
		},
		{
			"keys of media",
			"SIP/2.0 200 OK\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\nk=base64:c2VjcmV0\r\n",
			"SIP/2.0 200 OK\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:****************************************|2^20\r\na=ice-pwd:**********************\r\nk=base64:********\r\n",
		},
		{
			"digits",
			"INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n",
			"INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=*\r\nDuration=160\r\n",
		},
		{
			"a bare digit",
			"INFO sip:a SIP/2.0\r\nc: application/dtmf\r\n\r\n7\r\n",
			"INFO sip:a SIP/2.0\r\nc: application/dtmf\r\n\r\n*\r\n",
		},
		{"nothing", "\r\n\r\n", "\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := newMasker().masked(tt.text); !strings.EqualFold(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Whatever stands around it, the proof of a password is not shown, and nothing
// gets longer, shorter or another line.
func FuzzMasked(f *testing.F) {
	f.Add("INVITE sip:a SIP/2.0", "username=\"201\", response=\"", "\"\r\n\r\nbody")
	f.Add("\r\nREGISTER", "x\r\n y=\\\"", "")
	f.Add("Via: x\r\nContent-Type: application/dtmf", "", "\r\n\r\n\r\n")
	m := newMasker()
	f.Fuzz(func(t *testing.T, before, inside, after string) {
		if strings.ContainsAny(before+inside, "\r\n") {
			return // it would stand in another header field
		}
		const proof = "00112233445566778899aabbccddeeff"
		text := before + "\r\nAuthorization: Digest " + inside + proof + after
		got := m.masked(text)
		if strings.Contains(got, proof) {
			t.Errorf("shown: %q", got)
		}
		if len(got) != len(text) || strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("got %q of %q", got, text)
		}
	})
}
