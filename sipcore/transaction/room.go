package transaction

// roomSize holds nearly every message.
const roomSize = 2048

// Room returns an empty buffer to write a message into, so that a message on its
// way costs no memory: what is given to Start in it comes back by itself, anything
// else by Free.
func (l *Layer) Room() []byte { return l.rooms.Get().(*[roomSize]byte)[:0] }

// Free takes back what Room returned, or what append made of it. Nobody may look
// at it any more.
func (l *Layer) Free(raw []byte) {
	if cap(raw) == roomSize { // or it was outgrown
		l.rooms.Put((*[roomSize]byte)(raw[:roomSize]))
	}
}
