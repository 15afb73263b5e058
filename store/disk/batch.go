package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
)

// A batch is the records of one flush, or a part of them: a CRC-32C of the
// rest, then for each record its key and its value, each behind its length as a
// varint. The length of a value is one more than it is; 0 says that the key has
// no binding any more.
type batch []byte

const checksumSize = 4

// errBatch says that a batch is not what was written.
var errBatch = errors.New("a batch of bindings is damaged")

// add appends a record; the first leaves room for the checksum.
func (b batch) add(key string, value []byte, gone bool) batch {
	if len(b) == 0 {
		b = append(b, make([]byte, checksumSize)...)
	}
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	if gone {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(value))+1)
	return append(b, value...)
}

// seal writes the checksum.
func (b batch) seal() { binary.LittleEndian.PutUint32(b, b.sum()) }

func (b batch) sum() uint32 {
	return crc32.Checksum(b[checksumSize:], crc32.MakeTable(crc32.Castagnoli))
}

// check reports a batch that is not what seal has seen.
func (b batch) check() error {
	if len(b) < checksumSize || b.sum() != binary.LittleEndian.Uint32(b) {
		return errBatch
	}
	return nil
}

// A record is one key of a batch. Key and value share the memory of the batch.
type record struct {
	key   []byte
	value []byte
	gone  bool
	size  int // bytes that it takes in the batch
}

// records returns what b contains, up to the first thing that is no record.
func (b batch) records() iter.Seq[record] {
	return func(yield func(record) bool) {
		rest := b[min(checksumSize, len(b)):]
		for len(rest) > 0 {
			r, after, ok := nextRecord(rest)
			if !ok || !yield(r) {
				return
			}
			rest = after
		}
	}
}

func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	before := len(b)
	if r.key, b, ok = takeBytes(b, 0); !ok {
		return r, nil, false
	}
	if len(b) > 0 && b[0] == 0 {
		r.gone, b = true, b[1:]
	} else if r.value, b, ok = takeBytes(b, 1); !ok {
		return r, nil, false
	}
	r.size = before - len(b)
	return r, b, true
}

// takeBytes takes a length, of which more is subtracted, and as many bytes.
func takeBytes(b []byte, more uint64) (taken, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n < more {
		return nil, nil, false
	}
	if b = b[size:]; n-more > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n-more], b[n-more:], true
}
