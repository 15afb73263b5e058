package browse

import (
	"context"
	"unicode/utf8"
)

// A prompt is a line that is being typed.
type prompt struct {
	question, text string
	done           func(ctx context.Context, text string)
}

// String is how it looks.
func (p *prompt) String() string { return p.question + p.text + "_" }

// ask has the person type something; done gets it.
func (b *Browser) ask(question, text string, done func(context.Context, string)) {
	b.prompt = &prompt{question, text, done}
}

// answer takes a key while something is being typed.
func (b *Browser) answer(ctx context.Context, k Key) {
	p := b.prompt
	switch k {
	case Escape, Interrupt:
		b.prompt = nil
	case Enter:
		b.prompt = nil
		p.done(ctx, p.text)
	case Backspace:
		_, size := utf8.DecodeLastRuneInString(p.text)
		p.text = p.text[:len(p.text)-size]
	default:
		if k.isText() {
			p.text += string(k)
		}
	}
}
