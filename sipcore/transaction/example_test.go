package transaction_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// A hermit answers everything with 480 and never calls anybody.
type hermit struct{}

func (hermit) Request(tx *transaction.Server) {
	tx.Respond(480, tx.Request().Reply(480, "", tx.Tag()).AppendTo(nil))
}

func (hermit) Ack(transport.Flow, *message.Message)         {}
func (hermit) Cancel(*transaction.Server, *message.Message) {}
func (hermit) Broke(*transaction.Server)                    {}
func (hermit) Stray(transport.Flow, *message.Message)       {}

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	wheel := transaction.NewWheel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = wheel.Run(ctx) // nil: it ends by ctx
	}()

	us, phone := netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.2:5060")
	flow := transport.Memory(transport.TCP, us, phone, func(b []byte, _ netip.AddrPort) error {
		first, _, _ := strings.Cut(string(b), "\r\n")
		fmt.Println(first)
		return nil
	})
	layer := transaction.New(transaction.Options{Wheel: wheel}, hermit{})
	m, err := message.ParseString("OPTIONS sip:127.0.0.1 SIP/2.0\r\n" +
		"Via: SIP/2.0/TCP 127.0.0.2;branch=z9hG4bK1\r\n" +
		"From: <sip:201@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	if err != nil {
		fmt.Println(err)
	}
	layer.Receive(flow, m)
	fmt.Println("live:", layer.Counters().OtherServers.Live)

	cancel()
	<-done
	// Output:
	// SIP/2.0 480 Temporarily Unavailable
	// live: 0
}
