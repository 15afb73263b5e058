package session

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A sighting is bytes on a line at an instant.
type sighting struct {
	at    time.Time
	bytes int
}

// most returns how much came within the worst window.
func most(all []sighting, window time.Duration) (worst int) {
	sum, first := 0, 0
	for _, x := range all {
		sum += x.bytes
		for !all[first].at.After(x.at.Add(-window)) {
			sum -= all[first].bytes
			first++
		}
		worst = max(worst, sum)
	}
	return worst
}

func inWindow(kbits int) int { return kbits * 1000 / 8 * int(budgetWindow/time.Second) }

func TestBudget(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		kbits, least int // least: of a window, in percent
	}{{8, 40}, {16, 55}, {64, 80}, {250, 88}, {1000, 90}} {
		t.Run(fmt.Sprint(c.kbits, " kbit"), func(t *testing.T) {
			b := newBudget(c.kbits, start)
			var seen []sighting
			sum := 0
			for now := start; now.Before(start.Add(time.Minute)); now = now.Add(5 * time.Millisecond) {
				if n := b.room(now); n >= leastRoom {
					b.charge(now, n)
					seen = append(seen, sighting{now, n})
					sum += n
				}
			}
			whole := inWindow(c.kbits)
			if worst := most(seen, budgetWindow); worst > whole {
				t.Errorf("%d bytes in a window, want at most %d", worst, whole)
			}
			if share := sum * 100 / 12 / whole; share < c.least {
				t.Errorf("%d %% of the budget used, want at least %d", share, c.least)
			}
		})
	}
}

func TestBudgetWaits(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBudget(64, now)
	depth := int(b.depth)
	in := func(bytes int) time.Duration { return time.Duration(float64(bytes) / b.rate * float64(time.Second)) }
	for _, c := range []struct {
		name        string
		after       time.Duration // since the one before
		charge      int
		full, small time.Duration // until there is room for all, for 300 bytes
	}{
		{"a line at rest has room", 0, 0, 0, 0},
		{"of what was spent, an advance is there", 0, depth, in(depth), 0},
		{"which does not last", 0, depth / 2, in(depth * 3 / 2), in(leastRoom)},
		{"but comes back", in(leastRoom), 0, in(depth*3/2 - leastRoom), 0},
		{"a second is the most that is owed", 0, 1 << 20, time.Second + in(depth), time.Second + in(leastRoom-depth/2)},
		{"and paid", time.Second, 0, in(depth), 0},
		{"a pause saves up no more than that", time.Hour, depth, in(depth), 0},
		{"a clock that goes back changes nothing", -time.Minute, depth, in(2 * depth), in(depth/2 + leastRoom)},
	} {
		now = now.Add(c.after)
		b.charge(now, c.charge)
		near := func(got, want time.Duration) bool {
			return got >= want-time.Millisecond && got <= want+2*time.Millisecond
		}
		if full, small := b.full(now), b.small(now, leastRoom); !near(full, c.full) || !near(small, c.small) {
			t.Errorf("%s: got %v and %v, want %v and %v", c.name, full, small, c.full, c.small)
		}
	}
	unbounded := newBudget(0, now)
	unbounded.charge(now, 1<<30)
	if got := unbounded.full(now); got != 0 {
		t.Errorf("without a bound: got %v, want no wait", got)
	}
}

// Two ends that spend one budget, each as it likes, never go beyond it in any
// window, although each hears of the other's bytes late, and although something goes
// beside that nobody asked about.
func TestBudgetOfTwoEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kbits := rapid.IntRange(leastBudget, 1000).Draw(t, "kbits")
		delay := time.Duration(rapid.IntRange(0, 100).Draw(t, "delay")) * time.Millisecond
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		start := time.Unix(1000, 0)
		ends := [2]budget{newBudget(kbits, start), newBudget(kbits, start)}
		type news struct {
			sighting
			end int
		}
		var seen []sighting
		var coming []news
		var last [2]time.Time
		wants, quiet := [2]float64{1, 1}, [2]time.Time{start, start}
		for now := start; now.Before(start.Add(30 * time.Second)); now = now.Add(10 * time.Millisecond) {
			for len(coming) > 0 && !coming[0].at.After(now) {
				ends[coming[0].end].charge(now, coming[0].bytes)
				coming = coming[1:]
			}
			for i := range ends {
				if quiet[i].After(now) || now.Before(last[i].Add(batchDelay)) || random.Float64() > wants[i] {
					continue
				}
				if random.IntN(50) == 0 {
					quiet[i], wants[i] = now.Add(time.Duration(random.IntN(4000))*time.Millisecond), random.Float64()
				}
				room := ends[i].room(now)
				if random.IntN(2) == 0 {
					room = ends[i].advance(now)
				}
				if room < leastRoom {
					continue
				}
				n := leastRoom + random.IntN(room-leastRoom+1)
				ends[i].charge(now, n)
				last[i] = now
				seen = append(seen, sighting{now, n})
				coming = append(coming, news{sighting{now.Add(delay), n}, 1 - i})
			}
		}
		whole := inWindow(kbits)
		if worst := most(seen, budgetWindow) + min(int(budgetAside), whole/3); worst > whole {
			t.Errorf("%d bytes in a window of %d kbit/s with what is set aside, want at most %d", worst, kbits, whole)
		}
	})
}

// payload is the inverse of onLine.
func TestPayload(t *testing.T) {
	for room := range 40_000 {
		n := payload(room)
		if n > 0 && onLine(n) > room {
			t.Fatalf("room %d: %d bytes take %d", room, n, onLine(n))
		}
		if n > 0 && onLine(n+1) <= room {
			t.Fatalf("room %d: %d bytes, but there is room for more", room, n)
		}
	}
	if n := payload(recordHead + 2*segmentHead); n > 0 {
		t.Errorf("room for the headers alone: got %d bytes", n)
	}
}
