package node

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// explainListen says what the operator can do about a port that cannot be had.
func explainListen(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Addr == nil {
		return err
	}
	where := op.Addr.String() + " (" + strings.TrimRight(op.Net, "46") + ")"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program: stop that program (`ss -lntup` names it), "+
			"or give another address of this machine with --listen", where)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s cannot be listened on: this machine does not have that address; "+
			"`ip address` shows those it has", where)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s may not be listened on by this account", where)
	default:
		return err
	}
}
