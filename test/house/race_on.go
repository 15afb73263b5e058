//go:build race

package house

// Race says that the race detector is on.
const Race = true
