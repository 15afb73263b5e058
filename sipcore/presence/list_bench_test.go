package presence

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// A listUser gives each SUBSCRIBE, for sip:lampsN, 20 lamps.
type listUser struct{ benchUser }

func (u *listUser) Request(tx *transaction.Server) {
	uri, _ := message.ParseURI(tx.Request().RequestURI())
	phone, _ := strconv.Atoi(strings.TrimPrefix(uri.User, "lamps"))
	var lamps []string
	for j := range 20 {
		lamps = append(lamps, fmt.Sprintf("u%05d", (phone*20+j)%2000))
	}
	u.n.SubscribeList(tx, u.view, "202", List{Configured: true, Entries: EntriesOf(lamps, domain)})
}

// listed makes a notifier with phones that watch 20 lamps each, as one list, over TCP in
// memory.
func listed(b *testing.B, phones int) (n *Notifier, dialogs *live.Dialogs, layer *transaction.Layer, sent *[][]byte, flow transport.Flow) {
	b.Helper()
	dialogs = live.NewDialogs("laurel", func() string { return domain }, nil)
	wheel := transaction.NewWheel()
	sink := &listUser{benchUser{view: store.NewView(store.Config{Domain: domain, Users: []store.User{{Number: "202"}}})}}
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
	for i := range phones {
		receive(layer, flow, fmt.Sprintf("SUBSCRIBE sip:lamps%d@%s SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5062;branch=z9hG4bKs%[1]d\r\nMax-Forwards: 70\r\n"+
			"From: \"A Phone\" <sip:202@%[2]s>;tag=8f2a9c%[1]d\r\nTo: <sip:lamps%[1]d@%[2]s>\r\nCall-ID: 3c2670e0f1a4-%[1]d@127.0.0.2\r\nCSeq: 1 SUBSCRIBE\r\n"+
			"Contact: <sip:202@127.0.0.2:5062;transport=tcp>\r\nEvent: dialog\r\nAccept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n"+
			"Supported: eventlist\r\nExpires: 600\r\nUser-Agent: Phone/1.0\r\nContent-Length: 0\r\n\r\n", i, domain))
		settle(n, layer, flow, sent)
	}
	return n, dialogs, layer, sent, flow
}

// What a list of 20 lamps holds: 2,000 phones with one each.
func BenchmarkListMemory(b *testing.B) {
	for range b.N {
		before := heap()
		n, dialogs, layer, _, _ := listed(b, 2000)
		b.ReportMetric(float64(heap()-before)/2000, "B/list")
		runtime.KeepAlive(n)
		runtime.KeepAlive(dialogs)
		runtime.KeepAlive(layer)
	}
}

// What a NOTIFY costs, its answer included, where each change is in the lists of 20 phones.
func BenchmarkNotifyList(b *testing.B) {
	n, dialogs, layer, sent, flow := listed(b, 2000)
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
