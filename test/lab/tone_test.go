package lab

import (
	"math"
	"path/filepath"
	"testing"
)

func TestToneIsHeardAsItWasPlayed(t *testing.T) {
	for _, hertz := range []float64{440, 660, 1000} {
		file := filepath.Join(t.TempDir(), "tone.wav")
		if err := tone(hertz, 3).save(file); err != nil {
			t.Fatal(err)
		}
		all, err := loadWave(file)
		if err != nil {
			t.Fatal(err)
		}
		w, err := all.middle()
		if err != nil {
			t.Fatal(err)
		}
		if got := w.frequency(); math.Abs(got-hertz) > 1 {
			t.Errorf("frequency: got %.1f Hz, want %.0f Hz", got, hertz)
		}
		if got := w.share(hertz); got < 0.99 {
			t.Errorf("%.0f Hz: got %.2f of the energy, want all", hertz, got)
		}
		if got := w.share(hertz + 110); got > 0.01 {
			t.Errorf("%.0f Hz: got %.2f of the energy, want none", hertz+110, got)
		}
	}
}

func TestSilenceIsNoTone(t *testing.T) {
	w := make(wave, sampleRate)
	if w.frequency() != 0 || w.share(440) != 0 {
		t.Errorf("got %.1f Hz with %.2f of the energy, want 0 and 0", w.frequency(), w.share(440))
	}
	if _, err := w.middle(); err == nil {
		t.Error("one second is too short to judge: got no error")
	}
}
