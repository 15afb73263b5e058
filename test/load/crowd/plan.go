package crowd

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// An ending is what a call comes to.
type ending string

const (
	callerHangsUp ending = "caller"
	calleeHangsUp ending = "callee"
	givenUp       ending = "cancel"
	engaged       ending = "busy"
)

// A plan is what becomes of a call. The Subject of its INVITE tells the callee.
type plan struct {
	end        ending
	ring, talk time.Duration
}

// somePlan is a call as they are: of ten, seven are answered, two given up, one
// is to somebody who is busy.
func somePlan() plan {
	p := plan{ring: between(50, 1500), talk: between(200, 3000)}
	switch n := rand.IntN(10); { //nolint:gosec // nothing is secret here
	case n < 4:
		p.end = callerHangsUp
	case n < 7:
		p.end = calleeHangsUp
	case n < 9:
		p.end = givenUp
	default:
		p.end = engaged
	}
	return p
}

func between(least, most int) time.Duration {
	return time.Duration(least+rand.IntN(most-least)) * time.Millisecond //nolint:gosec // nothing is secret here
}

// String is how a plan travels.
func (p plan) String() string {
	return fmt.Sprintf("%s %d %d", p.end, p.ring.Milliseconds(), p.talk.Milliseconds())
}

func readPlan(text string) plan {
	word := append(strings.Fields(text), "", "", "")
	ring, _ := strconv.Atoi(word[1]) // else at once
	talk, _ := strconv.Atoi(word[2])
	return plan{ending(word[0]), time.Duration(ring) * time.Millisecond, time.Duration(talk) * time.Millisecond}
}
