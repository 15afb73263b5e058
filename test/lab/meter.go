package lab

// A Meter counts the bytes of IP of the cluster port on the line to a branch, both
// ways, as the kernel of the head office's router sees them pass.
type Meter struct {
	s    *Sites
	site string
}

// Meter begins to count.
func (l *Line) Meter() *Meter {
	l.s.tb.Helper()
	m := &Meter{s: l.s, site: l.site}
	table := "inet meter" + l.site
	l.s.in("hq", l.s.nft, "add table "+table+"; add counter "+table+" carried"+
		"; add chain "+table+" forward { type filter hook forward priority 10; }"+
		"; add rule "+table+" forward oifname "+l.site+" meta l4proto { tcp, udp } th dport 7946 counter name carried accept"+
		"; add rule "+table+" forward oifname "+l.site+" meta l4proto { tcp, udp } th sport 7946 counter name carried accept"+
		"; add rule "+table+" forward iifname "+l.site+" meta l4proto { tcp, udp } th dport 7946 counter name carried accept"+
		"; add rule "+table+" forward iifname "+l.site+" meta l4proto { tcp, udp } th sport 7946 counter name carried accept")
	return m
}

// Bytes returns how many have passed.
func (m *Meter) Bytes() int {
	m.s.tb.Helper()
	_, bytes := m.s.counted("inet meter"+m.site, "carried")
	return bytes
}

// Remove ends the counting.
func (m *Meter) Remove() {
	m.s.tb.Helper()
	m.s.in("hq", m.s.nft, "delete table inet meter"+m.site)
}
