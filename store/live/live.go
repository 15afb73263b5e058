// Package live holds what is true right now and may be lost: who is registered
// where and which calls are going on. Each table has the words of the domain
// and lives in a file of its own. A table writes local changes to a Journal and
// learns remote ones; it does not know how they travel, and it does not write
// to disk: package store/disk asks it for what has changed.
package live

// A Journal takes the changes that this node makes to a table, in the order in
// which they happened to each key. It is called with a lock of the table held:
// it must neither block nor call the table. A value is the table's own again
// when Set returns. A replicated namespace is one; package node connects it.
type Journal interface {
	Set(key string, value []byte)
	Delete(key string)
}

// A Keeper is a Journal of bindings that is given each key and its value in one
// text, of which key bytes are the key, and which it keeps: the table keeps the
// same one. It gives up the text that it had before, also when key and value are
// known already and only the text is another.
type Keeper interface {
	Journal
	Keep(text string, key int, known bool)
}

// keeperOf makes a Keeper of a Journal that may be none.
func keeperOf(j Journal) Keeper {
	switch j := j.(type) {
	case nil:
		return nobody{}
	case Keeper:
		return j
	}
	return copier{j}
}

// A copier is a Journal as a Keeper.
type copier struct{ Journal }

func (c copier) Keep(text string, key int, known bool) {
	if !known {
		c.Set(text[:key], []byte(text[key:]))
	}
}

// nobody is the Journal of a node that stands alone.
type nobody struct{}

func (nobody) Set(string, []byte)     {}
func (nobody) Delete(string)          {}
func (nobody) Keep(string, int, bool) {}
