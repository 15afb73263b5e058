package ring

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// A pace is how quick the rings are.
type pace struct {
	rejoin time.Duration // ± 50 %
	leave  time.Duration // for the others to hear of it
	scale  time.Duration // divides memberlist's intervals
}

func usualPace() pace {
	return pace{rejoin: 15 * time.Second, leave: 2 * time.Second, scale: 1}
}

// packetBytes is what memberlist may put into one packet: with the ring's name
// and the seal it fits through a tunnel of 1,400 bytes.
const packetBytes = 1200

// values returns memberlist's options for a ring.
func (p pace) values(name string, main bool) *memberlist.Config {
	c := siteValues()
	switch {
	case name == core:
		c = coreValues()
	case main:
		c.PushPullInterval = 0 // the branch begins it, once for both
	}
	c.EnableCompression = false
	c.DeadNodeReclaimTime = 30 * time.Second / p.scale
	c.UDPBufferSize = packetBytes
	c.RequireNodeNames = true // packets are sealed for a node
	for _, d := range []*time.Duration{&c.ProbeInterval, &c.ProbeTimeout, &c.GossipInterval, &c.PushPullInterval} {
		*d /= p.scale
	}
	return c
}

// siteValues are for slow lines.
func siteValues() *memberlist.Config {
	c := memberlist.DefaultWANConfig()
	c.ProbeInterval, c.ProbeTimeout = 5*time.Second, 3*time.Second
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = 6, 2
	c.AwarenessMaxMultiplier = 2
	c.GossipInterval, c.GossipNodes = time.Second, 3
	c.PushPullInterval = 5 * time.Minute
	c.TCPTimeout = 10 * time.Second
	return c
}

// coreValues are for the head office: memberlist's own for a LAN, but for a
// state exchange that the mains, who also rejoin, need less often.
func coreValues() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.SuspicionMaxTimeoutMult = 2
	c.AwarenessMaxMultiplier = 2
	c.PushPullInterval = time.Minute
	return c
}
