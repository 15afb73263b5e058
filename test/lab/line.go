package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// A Line connects a branch with the head office at 1 Mbit/s each way; how far it
// is stands in Sites.
type Line struct {
	s       *Sites
	site    string
	network string // of the branch
	far     string // the branch's end of the line
}

const (
	uplink   = "uplink"   // the branch's interface; that of the head office has the name of the branch
	sessions = "sessions" // what the head office's router counts of TCP between nodes
	cuts     = "cuts"     // the head office's table of lines that swallow everything
)

func (s *Sites) openLine(to lan, ends string) *Line {
	s.tb.Helper()
	l, site := &Line{s: s, site: to.site, network: to.network, far: ends + ".2"}, to.site
	s.wire(site)
	s.in("hq", s.ip, "address", "add", ends+".1/30", "dev", site)
	s.in(site, s.ip, "address", "add", l.far+"/30", "dev", uplink)
	s.in(site, s.ip, "link", "set", uplink, "up")
	s.in(site, s.ip, "route", "add", "default", "via", ends+".1")
	l.Plug()
	l.shape("1mbit")
	s.in("hq", s.nft, "add table inet "+cuts+site+
		"; add chain inet "+cuts+site+" forward { type filter hook forward priority 0; }"+
		"; add chain inet "+cuts+site+" count { type filter hook forward priority -1; }"+
		"; add counter inet "+cuts+site+" "+sessions)
	for _, rule := range []string{"iifname " + site + " tcp dport", "iifname " + site + " tcp sport", "oifname " + site + " tcp dport", "oifname " + site + " tcp sport"} {
		s.in("hq", s.nft, "add rule inet "+cuts+site+" count "+rule+" 7946 counter name "+sessions)
	}
	return l
}

// wire makes the interfaces of a line, and what is between them.
func (s *Sites) wire(site string) {
	s.tb.Helper()
	pair := func(router, name, other, peer string) {
		s.do(s.ip, "link", "add", name, "netns", s.name+router, "type", "veth", "peer", "name", peer, "netns", s.name+other)
	}
	if s.delay == 0 {
		pair("hq", site, site, uplink)
		return
	}
	between, ends := "line-"+site, [2]string{"near", "far"}
	s.namespace(between)
	pair("hq", site, between, ends[0])
	pair(site, uplink, between, ends[1])
	for _, end := range ends {
		s.in(between, s.ip, "link", "set", end, "up")
	}
	err := s.from(between, func() error {
		c, err := layCable(s.delay, ends)
		if err == nil {
			s.tb.Cleanup(c.remove)
		}
		return err
	})
	if err != nil {
		s.tb.Fatal(err)
	}
}

// Cut makes the line swallow every packet: nobody is told.
func (l *Line) Cut() {
	l.s.tb.Helper()
	for _, way := range []string{"iifname", "oifname"} {
		l.s.in("hq", l.s.nft, "add rule inet "+cuts+l.site+" forward "+way+" "+l.site+" drop")
	}
}

// Mend undoes Cut.
func (l *Line) Mend() {
	l.s.tb.Helper()
	l.s.in("hq", l.s.nft, "flush chain inet "+cuts+l.site+" forward")
}

// shape gives the line another rate, each way.
func (l *Line) shape(rate string) {
	l.s.tb.Helper()
	for _, end := range [][2]string{{"hq", l.site}, {l.site, uplink}} {
		l.s.in(end[0], "tc", "qdisc", "replace", "dev", end[1], "root", "tbf", "rate", rate, "burst", "4kb", "latency", "200ms")
	}
}

// lose has the line lose so many of a hundred packets each way.
func (l *Line) lose(percent int) {
	l.s.tb.Helper()
	for _, way := range []string{"iifname", "oifname"} {
		l.s.in("hq", l.s.nft, "add rule inet "+cuts+l.site+" forward "+way+" "+l.site+" numgen random mod 100 < "+strconv.Itoa(percent)+" drop")
	}
}

// keepApart makes the head office's router swallow what two branches send each
// other: their nodes reach each other by way of a main alone.
func (s *Sites) keepApart(a, b *Line) {
	s.tb.Helper()
	for _, way := range [][2]*Line{{a, b}, {b, a}} {
		s.in("hq", s.nft, "add rule inet "+cuts+a.site+" forward iifname "+way[0].site+" oifname "+way[1].site+" drop")
	}
}

// Unplug takes the line's interface at the head office down: its router answers
// that the branch cannot be reached.
func (l *Line) Unplug() {
	l.s.tb.Helper()
	l.s.in("hq", l.s.ip, "link", "set", l.site, "down")
}

// Plug undoes Unplug.
func (l *Line) Plug() {
	l.s.tb.Helper()
	l.s.in("hq", l.s.ip, "link", "set", l.site, "up")
	l.s.in("hq", l.s.ip, "route", "replace", l.network, "via", l.far, "dev", l.site)
}

// Bytes returns what the kernel has counted on the line, both ways.
func (l *Line) Bytes() int {
	l.s.tb.Helper()
	bytes, _ := l.counted()
	return bytes
}

// IPBytes returns the same without what Ethernet adds to each packet.
func (l *Line) IPBytes() int {
	l.s.tb.Helper()
	const header = 14
	bytes, packets := l.counted()
	return bytes - header*packets
}

// SessionBytes returns what the kernel has counted on the line, both ways, of TCP
// between nodes, with its headers and acknowledgements.
func (l *Line) SessionBytes() int {
	l.s.tb.Helper()
	_, bytes := l.s.counted("inet "+cuts+l.site, sessions)
	if bytes == 0 {
		l.s.tb.Fatalf("the kernel has counted nothing between nodes on the line to %s", l.site)
	}
	return bytes
}

// counted returns what a counter of the head office's router says.
func (s *Sites) counted(table, counter string) (packets, bytes int) {
	s.tb.Helper()
	said := s.in("hq", s.nft, "list counter "+table+" "+counter)
	_, figures, _ := strings.Cut(said, "packets")
	if _, err := fmt.Sscanf(figures, "%d bytes %d", &packets, &bytes); err != nil {
		s.tb.Fatalf("the kernel's counter says %q: %v", said, err)
	}
	return packets, bytes
}

func (l *Line) counted() (bytes, packets int) {
	l.s.tb.Helper()
	for line := range strings.Lines(l.s.in("hq", "cat", "/proc/net/dev")) {
		name, counters, _ := strings.Cut(strings.TrimSpace(line), ":")
		if fields := strings.Fields(counters); name == l.site && len(fields) > 8 {
			for i, sum := range []*int{&bytes, &packets} {
				received, _ := strconv.Atoi(fields[i])
				sent, _ := strconv.Atoi(fields[8+i])
				*sum = received + sent
			}
		}
	}
	if bytes == 0 {
		l.s.tb.Fatalf("the kernel has counted nothing on the line to %s", l.site)
	}
	return bytes, packets
}
