package proxy

import (
	"math/rand/v2"
	"testing"

	"carillon/sipcore/route"
)

func TestBestResponse(t *testing.T) {
	tests := []struct {
		name    string
		all     []int // in any order
		want    int
		outcome route.Outcome
	}{
		{"none", nil, 0, route.Offline},
		{"one", []int{486}, 486, route.Busy},
		{"6xx wins over everything", []int{486, 302, 603, 401}, 603, route.Failed},
		{"the lowest class", []int{500, 404, 302}, 302, route.Failed},
		{"what the caller can mend", []int{404, 407, 486}, 407, route.Failed},
		{"busy says more than not found", []int{404, 486}, 486, route.Busy},
		{"a timeout says least of 4xx", []int{408, 480}, 480, route.Offline},
		{"a timeout is still better than 5xx", []int{500, 408}, 408, route.NoAnswer},
		{"503 only when nothing else", []int{503, 500}, 500, route.Failed},
		{"503 alone", []int{503}, 503, route.Offline},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rand.Shuffle(len(tt.all), func(i, j int) { tt.all[i], tt.all[j] = tt.all[j], tt.all[i] })
			var b best
			for _, status := range tt.all {
				b.consider(status, nil, false)
			}
			if b.status != tt.want || b.outcome() != tt.outcome {
				t.Errorf("got %d (outcome %d), want %d (outcome %d)", b.status, b.outcome(), tt.want, tt.outcome)
			}
		})
	}
}
