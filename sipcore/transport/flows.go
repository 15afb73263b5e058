package transport

// Kinds returns all transports.
func Kinds() []Kind {
	var all []Kind
	for k := UDP; k.String() != ""; k++ {
		all = append(all, k)
	}
	return all
}

// Flows returns how many stream flows there are of each transport. Those of UDP
// are not stored.
func (l *Layer) Flows() map[Kind]int {
	count := make(map[Kind]int)
	l.conns.each(func(c *conn) { count[c.kind]++ })
	return count
}

// Traffic returns what a transport has carried.
func (l *Layer) Traffic(k Kind) Traffic { return l.count.of(k) }
