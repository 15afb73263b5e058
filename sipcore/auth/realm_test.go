package auth

import "testing"

func TestNamesRealm(t *testing.T) {
	tests := []struct {
		value string
		want  bool
	}{
		{`Digest realm="rig.test", nonce="a"`, true},
		{`Digest nonce="a",realm="RIG.test"`, true},
		{`Digest nonce="a", Realm = rig.test`, true},
		{`Digest realm="rig\.test", nonce="a"`, true},
		{`Digest realm="other", nonce="a", Digest realm="rig.test", nonce="b"`, true},
		{`Basic realm="rig.test"`, true},
		{`Digest realm="rig.test`, true},
		{`Digest nonce="a`, true},
		{`Digest realm="rig.test.example", nonce="rig.test"`, false},
		{`Digest realm="a \"realm=rig.test\"", nonce="b"`, false},
		{`Digest opaque="realm=rig.test", realm="other"`, false},
		{`Digest xrealm="rig.test"`, false},
		{`Basic YWxpY2U6c2VjcmV0Cg==`, false},
		{`Bearer`, false},
		{``, false},
		{`=`, false},
	}
	for _, tt := range tests {
		if got := NamesRealm(tt.value, "rig.test"); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.value, got, tt.want)
		}
	}
}
