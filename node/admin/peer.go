package admin

import (
	"context"
	"net"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// onBehalfHeader carries the name of the person behind the account that
// connects, as sudo tells it. It is a courtesy for the history, not a proof.
const onBehalfHeader = "Carillon-On-Behalf-Of"

const longestName = 64

type peerKey struct{}

// withPeer remembers who is at the other end of c: the kernel says so.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peerName(c))
}

// peerName returns the name of the account that opened c.
func peerName(c net.Conn) string {
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return "unknown"
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil || err != nil {
		return "unknown"
	}
	uid := strconv.FormatUint(uint64(cred.Uid), 10)
	if u, e := user.LookupId(uid); e == nil {
		return u.Username
	}
	return "uid " + uid
}

// author says who asks for r, for the history of the configuration.
func author(r *http.Request) string {
	account, _ := r.Context().Value(peerKey{}).(string)
	person := printable(r.Header.Get(onBehalfHeader))
	if person == "" || person == account {
		return account
	}
	return person + " as " + account
}

// printable bounds a name that came from outside.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), longestName)], "")
}
