package presence

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"testing"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// watched makes a notifier with so many users who each have so many watchers, over TCP
// in memory. What is sent is answered by the benchmark, from the list that it returns.
func watched(b *testing.B, users, watchers int) (n *Notifier, dialogs *live.Dialogs, layer *transaction.Layer, sent *[][]byte, flow transport.Flow) {
	b.Helper()
	dialogs = live.NewDialogs("laurel", func() string { return domain }, nil)
	wheel := transaction.NewWheel()
	view := store.NewView(store.Config{Domain: domain, Users: []store.User{{Number: "202"}}})
	sink := &benchUser{view: view}
	layer = transaction.New(transaction.Options{Wheel: wheel}, sink)
	lamps := Dialogs(dialogs.Of)
	n = New(Options{
		Packages: []Package{lamps}, Transactions: layer, Wheel: wheel, Ports: transport.Ports{SIP: 5060},
		Logger: slog.New(slog.DiscardHandler), Limits: Limits{Total: 1 << 20, PerUser: 1 << 20},
	})
	sink.n = n
	dialogs.Watch(func(user string) { n.Changed(lamps.Name, user) })
	sent = new([][]byte)
	flow = transport.Memory(transport.TCP, us, netip.MustParseAddrPort("127.0.0.2:5062"), func(raw []byte, _ netip.AddrPort) error {
		if raw[0] == 'N' {
			*sent = append(*sent, append([]byte(nil), raw...))
		}
		return nil
	})
	for i := range users * watchers {
		receive(layer, flow, fmt.Sprintf("SUBSCRIBE sip:u%05d@%s SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5062;branch=z9hG4bKs%d\r\nMax-Forwards: 70\r\n"+
			"From: \"A Phone\" <sip:202@%[2]s>;tag=8f2a9c%[3]d\r\nTo: <sip:u%05[1]d@%[2]s>\r\nCall-ID: 3c2670e0f1a4-%[3]d@127.0.0.2\r\nCSeq: 1 SUBSCRIBE\r\n"+
			"Contact: <sip:202@127.0.0.2:5062;transport=tcp>\r\nEvent: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 600\r\n"+
			"User-Agent: Phone/1.0\r\nContent-Length: 0\r\n\r\n", i%users, domain, i))
	}
	settle(n, layer, flow, sent)
	return n, dialogs, layer, sent, flow
}

type benchUser struct {
	n    *Notifier
	view *store.View
}

func (u *benchUser) Request(tx *transaction.Server) {
	uri, _ := message.ParseURI(tx.Request().RequestURI())
	u.n.Subscribe(tx, u.view, "202", uri.User)
}
func (*benchUser) Ack(transport.Flow, *message.Message)         {}
func (*benchUser) Cancel(*transaction.Server, *message.Message) {}
func (*benchUser) Broke(*transaction.Server)                    {}
func (*benchUser) Stray(transport.Flow, *message.Message)       {}

func receive(layer *transaction.Layer, flow transport.Flow, text string) {
	m, err := message.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	layer.Receive(flow, m)
}

// settle has the notifier tell all, and answers. It returns how many NOTIFYs there were.
func settle(n *Notifier, layer *transaction.Layer, flow transport.Flow, sent *[][]byte) (told int) {
	for n.work(context.Background()); len(*sent) > 0; n.work(context.Background()) {
		batch := *sent
		*sent = (*sent)[len(*sent):]
		for _, raw := range batch {
			m, _ := message.Parse(raw)
			reply := m.Reply(200, "", "")
			answer, _ := message.Parse(reply.AppendTo(nil))
			layer.Receive(flow, answer)
			told++
		}
	}
	return told
}

// What a NOTIFY costs, its answer included, where each change has 20 watchers.
func BenchmarkNotify(b *testing.B) {
	n, dialogs, layer, sent, flow := watched(b, 10, 20)
	b.ReportAllocs()
	told := 0
	b.ResetTimer()
	for i := 0; told < b.N; i++ {
		user := fmt.Sprintf("u%05d", i%10)
		if i/10%2 == 0 {
			dialogs.Put(ringing(user, live.Early))
		} else {
			dialogs.Delete(ringing(user, live.Early))
		}
		told += settle(n, layer, flow, sent)
	}
}

// What a subscription holds: 40,000 of them, 20 watchers for each of 2,000 users.
func BenchmarkSubscriptionMemory(b *testing.B) {
	for range b.N {
		before := heap()
		n, dialogs, layer, _, _ := watched(b, 2000, 20)
		b.ReportMetric(float64(heap()-before)/40_000, "B/subscription")
		runtime.KeepAlive(n)
		runtime.KeepAlive(dialogs)
		runtime.KeepAlive(layer)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
