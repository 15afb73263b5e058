package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

// sampleRate is that of G.711, and of all sound of the lab.
const sampleRate = 8000

// A wave is mono sound, 16 bits a sample.
type wave []int16

// tone returns a sine of a frequency at half the loudest amplitude.
func tone(hertz float64, seconds int) wave {
	w := make(wave, seconds*sampleRate)
	for i := range w {
		w[i] = int16(16384 * math.Sin(2*math.Pi*hertz*float64(i)/sampleRate))
	}
	return w
}

// save writes w as a WAV file.
func (w wave) save(file string) error {
	var b bytes.Buffer
	size := uint32(2 * len(w)) //nolint:gosec // seconds, not hours
	b.WriteString("RIFF")
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	put(36 + size)
	b.WriteString("WAVEfmt ")
	put(uint32(16), uint16(1), uint16(1), uint32(sampleRate), uint32(2*sampleRate), uint16(2), uint16(16))
	b.WriteString("data")
	put(size, []int16(w))
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// loadWave reads the samples of a WAV file. A header that its writer did not
// finish, because it was killed, does not matter: sound goes to the end.
func loadWave(file string) (wave, error) {
	text, err := os.ReadFile(file) //nolint:gosec // a file of the test
	if err != nil {
		return nil, fmt.Errorf("reading sound: %w", err)
	}
	i := bytes.Index(text, []byte("data"))
	if !bytes.HasPrefix(text, []byte("RIFF")) || i < 0 {
		return nil, fmt.Errorf("%s is no WAV file", file)
	}
	samples := text[i+8:]
	w := make(wave, len(samples)/2)
	if err := binary.Read(bytes.NewReader(samples), binary.LittleEndian, w); err != nil {
		return nil, fmt.Errorf("reading the samples of %s: %w", file, err)
	}
	return w, nil
}

// share returns which part of the energy of w is at a frequency, 0 to 1, by
// Goertzel's algorithm: 1 is a pure tone, 0 silence or something else.
func (w wave) share(hertz float64) float64 {
	coefficient := 2 * math.Cos(2*math.Pi*hertz/sampleRate)
	var s1, s2, energy float64
	for _, sample := range w {
		x := float64(sample)
		s1, s2 = x+coefficient*s1-s2, s1
		energy += x * x
	}
	if energy == 0 {
		return 0
	}
	power := s1*s1 + s2*s2 - coefficient*s1*s2
	return 2 * power / (energy * float64(len(w)))
}

// frequency returns the frequency of a tone by counting its periods.
func (w wave) frequency() float64 {
	first, last, periods := -1, -1, 0
	for i := 1; i < len(w); i++ {
		if w[i-1] < 0 && w[i] >= 0 {
			if first < 0 {
				first = i
			} else {
				periods++
			}
			last = i
		}
	}
	if periods == 0 {
		return 0
	}
	return float64(periods) * sampleRate / float64(last-first)
}

// middle returns a second of sound from the middle, away from the clicks of
// beginning and end.
func (w wave) middle() (wave, error) {
	if len(w) < 2*sampleRate {
		return nil, fmt.Errorf("only %.1f s of sound", float64(len(w))/sampleRate)
	}
	from := len(w)/2 - sampleRate/2
	return w[from : from+sampleRate], nil
}
