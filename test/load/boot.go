package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carillon/test/house/wire"
)

const bootUsage = `Start many phones with twenty lamps each at once, then let many of them ring.

  go run ./test/load boot [flags]

Each phone opens a connection, registers, and watches the twenty phones after it. When all know how
their lamps are, phones ring and refuse. It is said how much memory a subscription takes, and how long
it takes from a 180 or a 486 until a watcher has been told. The exit code is 1 if a phone or a lamp was lost. Flags:
`

// A boot is many phones with lamps.
type boot struct {
	phones  int
	within  time.Duration
	rate    int
	lasts   time.Duration
	lists   bool
	at      netip.AddrPort
	all     []*lampPhone
	ended   sync.WaitGroup
	refused atomic.Int64
	first   atomic.Int64 // lamps of which the phone knows how they were at first

	mu    sync.Mutex
	since map[string]time.Time // by user and state: when he said so
	waits []time.Duration
	due   map[string]int // how many watchers have yet to hear
}

// lampsEach is how many lamps a phone has.
const lampsEach = 20

// runBoot is the subcommand.
func runBoot(ctx context.Context, args []string) error {
	b := &boot{since: map[string]time.Time{}, due: map[string]int{}}
	set := flag.NewFlagSet("boot", flag.ContinueOnError)
	set.IntVar(&b.phones, "phones", 2000, "how many there are")
	set.DurationVar(&b.within, "within", time.Minute, "in which they all come")
	set.IntVar(&b.rate, "rate", 100, "changes of lamps a second")
	set.DurationVar(&b.lasts, "for", 30*time.Second, "how long phones ring")
	set.BoolVar(&b.lists, "lists", false, "one subscription to a list for each phone instead of twenty")
	listen := set.String("listen", "127.0.0.46", "address of the node")
	set.Usage = func() {
		_, _ = fmt.Fprint(set.Output(), bootUsage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	if b.phones <= lampsEach || b.phones > 10_000 || b.rate < 2 {
		return errors.New("more than twenty phones, at most 10000, and at least two changes a second")
	}
	r, err := newRig(ctx, *listen)
	if err != nil {
		return err
	}
	defer r.close()
	s, err := r.serve(ctx, func(string) error { return nil })
	if err != nil {
		return err
	}
	b.at = s.at
	return errors.Join(s.answers(ctx), b.run(ctx, s), s.stop())
}

func (b *boot) run(ctx context.Context, s *server) error {
	defer func() {
		for _, p := range b.all {
			_ = p.conn.Close()
		}
		b.ended.Wait()
	}()
	empty, began, used := s.rss(), time.Now(), s.cpu()
	if err := b.come(ctx); err != nil {
		return err
	}
	lamps := b.phones * lampsEach
	for range 100 {
		if int(b.first.Load()) >= lamps {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	lost := lamps - int(b.first.Load())
	fmt.Printf("%d phones came with %d lamps within %v: %d refused, %d lamps without an answer; %.1f s CPU; %.1f kB of memory for each lamp, its phone included\n",
		b.phones, lamps, time.Since(began).Round(time.Second), b.refused.Load(), lost, (s.cpu() - used).Seconds(), float64(s.rss()-empty)/float64(lamps)/1024)
	err := b.ring(ctx)
	return errors.Join(err, b.report(), errorIf(lost > 0 || b.refused.Load() > 0, "phones or lamps were lost"))
}

func errorIf(bad bool, what string) error {
	if bad {
		return errors.New(what)
	}
	return nil
}

// come has the phones come, evenly.
func (b *boot) come(ctx context.Context) error {
	began := time.Now()
	for i := range b.phones {
		time.Sleep(time.Until(began.Add(b.within * time.Duration(i) / time.Duration(b.phones))))
		local := netip.AddrFrom4([4]byte{127, 1, byte(i / 250), byte(i%250 + 1)})
		conn, err := wire.DialFrom(local, "tcp", b.at) //nolint:contextcheck // on loopback it does not wait
		if err != nil {
			return err
		}
		p := &lampPhone{boot: b, conn: conn, number: fmt.Sprintf("u%05d", i)}
		b.all = append(b.all, p)
		b.ended.Go(p.serve)
		p.register("")
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// ring has phones ring and refuse, which are two changes of a lamp.
func (b *boot) ring(ctx context.Context) error {
	conn, err := wire.Dial("tcp", b.at) //nolint:contextcheck // on loopback it does not wait
	if err != nil {
		return err
	}
	caller := &lampPhone{boot: b, conn: conn, number: "stranger"} // who has no lamp
	phones := b.all
	b.all = append(b.all, caller)
	b.ended.Go(caller.serve)
	for end, i := time.Now().Add(b.lasts), 0; time.Now().Before(end) && ctx.Err() == nil; i++ {
		m := caller.request("INVITE", phones[i%len(phones)].number, "call-"+strconv.Itoa(i))
		m.Add("Contact", caller.contact())
		_ = caller.conn.Send(m) // a lost call shows as no lamp
		time.Sleep(2 * time.Second / time.Duration(b.rate))
	}
	time.Sleep(3 * time.Second)
	return nil
}

// says notes that a phone says that it rings or refuses.
func (b *boot) says(user, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since[user+state] = time.Now()
	b.due[user+state] += lampsEach
}

// told notes that a watcher was told it.
func (b *boot) told(user, state string) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if since, ok := b.since[user+state]; ok && b.due[user+state] > 0 {
		b.due[user+state]--
		b.waits = append(b.waits, now.Sub(since))
	}
}

func (b *boot) report() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing := 0
	for _, n := range b.due {
		missing += n
	}
	if len(b.waits) == 0 {
		return errors.New("nobody was told that a phone rang")
	}
	half, most := percentiles(b.waits)
	fmt.Printf("%d changes a second for %v: %d times a watcher was told, p50 %.0f ms, p99 %.0f ms; %d times not\n", b.rate, b.lasts, len(b.waits), half, most, missing)
	return nil
}

// A lampPhone is one of the phones.
type lampPhone struct {
	boot   *boot
	conn   *wire.Conn
	number string
	cseq   int
	seen   int // lamps that it knows
}

func (p *lampPhone) contact() string {
	return "<sip:" + p.number + "@" + p.conn.Local().String() + ";transport=tcp>"
}

func (p *lampPhone) request(method, user, callID string) wire.Message {
	p.cseq++
	uri := "sip:" + user + "@rig.test"
	if method == "REGISTER" {
		uri = "sip:rig.test"
	}
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", "SIP/2.0/TCP "+p.conn.Local().String()+";branch=z9hG4bK"+p.number+callID+strconv.Itoa(p.cseq))
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+p.number+"@rig.test>;tag="+p.number)
	m.Add("To", "<sip:"+user+"@rig.test>")
	m.Add("Call-ID", p.number+callID)
	m.Add("CSeq", strconv.Itoa(p.cseq)+" "+method)
	return m
}

func (p *lampPhone) register(credentials string) {
	m := p.request("REGISTER", p.number, "reg")
	m.Add("Contact", p.contact()+";+sip.instance=\"<urn:x:"+p.number+">\";reg-id=1")
	m.Add("Supported", "outbound")
	m.Add("Expires", "3600")
	if credentials != "" {
		m.Add("Authorization", credentials)
	}
	_ = p.conn.Send(m)
}

// serve is the phone's life.
func (p *lampPhone) serve() {
	for {
		m, err := p.conn.Receive(time.Hour)
		if err != nil {
			return
		}
		switch {
		case m.Request():
			p.asked(m)
		case m.Status() == 401:
			credentials, err := wire.Credentials{User: p.number, Password: "pw"}.Answer(m.Get("WWW-Authenticate"), "REGISTER", "sip:rig.test")
			if err == nil {
				p.register(credentials)
			}
		case m.Status() == 200 && strings.HasSuffix(m.Get("CSeq"), "REGISTER"):
			p.watch()
		case m.Status() >= 300 && !strings.HasSuffix(m.Get("CSeq"), "INVITE"):
			p.boot.refused.Add(1)
		case m.Status() >= 300:
			p.acknowledge(m)
		}
	}
}

func (p *lampPhone) acknowledge(m wire.Message) {
	_, user, _ := strings.Cut(m.Get("To"), "sip:")
	user, _, _ = strings.Cut(user, "@")
	ack := wire.Message{Start: "ACK sip:" + user + "@rig.test SIP/2.0"}
	for _, name := range []string{"Via", "From", "To", "Call-ID"} {
		ack.Add(name, m.Get(name))
	}
	ack.Add("CSeq", strconv.Itoa(m.CSeq())+" ACK")
	_ = p.conn.Send(ack)
}

// watch subscribes to the lamps of the phones that come next.
func (p *lampPhone) watch() {
	at, _ := strconv.Atoi(p.number[1:])
	var list strings.Builder
	for i := range lampsEach {
		user := fmt.Sprintf("u%05d", (at+1+i)%p.boot.phones)
		fmt.Fprintf(&list, "<entry uri=\"sip:%s@rig.test\"/>", user)
		if !p.boot.lists {
			_ = p.conn.Send(p.subscribe(user))
		}
	}
	if p.boot.lists {
		m := p.subscribe("lamps")
		m.Add("Require", "recipient-list-subscribe")
		m.Add("Supported", "eventlist")
		m.Add("Content-Type", "application/resource-lists+xml")
		m.Body = "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>" + list.String() + "</list></resource-lists>"
		_ = p.conn.Send(m)
	}
}

func (p *lampPhone) subscribe(user string) wire.Message {
	m := p.request("SUBSCRIBE", user, "sub"+user)
	m.Add("Contact", p.contact())
	m.Add("Event", "dialog")
	m.Add("Expires", "600")
	return m
}

// asked answers a request.
func (p *lampPhone) asked(m wire.Message) {
	switch m.Method() {
	case "NOTIFY":
		_ = p.conn.Send(m.Reply(200, "OK", ""))
		p.sees(m.Body)
	case "INVITE":
		ringing := m.Reply(180, "Ringing", "t")
		ringing.Add("Contact", p.contact())
		p.boot.says(p.number, "early")
		_ = p.conn.Send(ringing)
		p.boot.ended.Go(func() {
			time.Sleep(400 * time.Millisecond)
			p.boot.says(p.number, "terminated")
			_ = p.conn.Send(m.Reply(486, "Busy Here", "t"))
		})
	}
}

// sees reads what a NOTIFY says of each lamp in it.
func (p *lampPhone) sees(body string) {
	for _, doc := range strings.Split(body, "<dialog-info ")[1:] {
		_, user, _ := strings.Cut(doc, `entity="sip:`)
		user, _, _ = strings.Cut(user, "@")
		if p.seen < lampsEach {
			p.seen++
			p.boot.first.Add(1)
			continue
		}
		_, state, _ := strings.Cut(doc, "<state>")
		state, _, _ = strings.Cut(state, "</state>")
		p.boot.told(user, cmp.Or(state, "terminated"))
	}
}
