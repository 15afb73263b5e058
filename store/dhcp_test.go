package store

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// onePool is a pool within 10.0.0.0/8, spoiled.
func onePool(spoil func(*Pool)) []Pool {
	p := Pool{
		Network: netip.MustParsePrefix("10.1.0.0/24"), First: netip.MustParseAddr("10.1.0.10"), Last: netip.MustParseAddr("10.1.0.19"),
		Router: netip.MustParseAddr("10.1.0.1"), Lease: time.Hour,
		Reservations: []Reservation{{MAC: "00:15:65:12:34:56", Address: netip.MustParseAddr("10.1.0.10")}},
	}
	if spoil != nil {
		spoil(&p)
	}
	return []Pool{p}
}

// What is sent for an option, to the byte.
func TestOptionBytes(t *testing.T) {
	for _, tt := range []struct {
		code   uint8
		values string // separated by |
		want   string // in hex, or the words of the error
	}{
		{2, "3600", "00000e10"},
		{2, "-18000", "ffffb9b0"},
		{2, "one hour", "seconds, as 3600"},
		{6, "192.0.2.1|192.0.2.2", "c0000201c0000202"},
		{42, "2001:db8::1", `"2001:db8::1" is none`},
		{43, "hex:01:04 c0", "0104c0"},
		{43, "hex:", "pairs of hexadecimal digits"},
		{66, "tftp", "74667470"},
		{66, "a|b", "one text"},
		{66, "\u00e9", "printable ASCII"},
		{120, "192.0.2.1", "01c0000201"},
		{120, "a.bc|d", "000161026263000164" + "00"},
		{120, "a..b", "is no name"},
		{132, "20", "3230"},
		{150, "192.0.2.9", "c0000209"},
		{160, strings.Repeat("x", 256), "256 bytes long"},
		{53, "5", "not one to write here"},
		{255, "5", "not one to write here"},
	} {
		b, err := DHCPOption{Code: tt.code, Values: strings.Split(tt.values, "|")}.Bytes()
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && hex.EncodeToString(b) != tt.want {
			t.Errorf("%d=%s: got %x, %v, want %s", tt.code, tt.values, b, err, tt.want)
		}
	}
}
