package quorum

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// An entry on disk: CRC-32C of the rest and of the index (4 bytes), version and
// type (1 each), term, time in Unix nanoseconds and length of the extensions as
// varints, the extensions, the data. The key is the index.

const (
	entryVersion  = 1
	entryFixed    = 6 // bytes before the varints
	entryOverhead = entryFixed + 3*binary.MaxVarintLen64
)

func encodeEntry(l *raft.Log) []byte {
	b := make([]byte, entryFixed, entryOverhead+len(l.Extensions)+len(l.Data))
	b[4], b[5] = entryVersion, byte(l.Type)
	at := int64(0)
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	b = binary.AppendUvarint(b, l.Term)
	b = binary.AppendVarint(b, at)
	b = binary.AppendUvarint(b, uint64(len(l.Extensions)))
	b = append(b, l.Extensions...)
	b = append(b, l.Data...)
	binary.LittleEndian.PutUint32(b, entrySum(bytesOf(l.Index), b))
	return b
}

// decodeEntry reads an entry; what it writes into l shares no memory with b.
func decodeEntry(key, b []byte, l *raft.Log) error {
	if len(key) != 8 || len(b) < entryFixed || binary.LittleEndian.Uint32(b) != entrySum(key, b) || b[4] != entryVersion {
		return errEntry
	}
	*l = raft.Log{Index: binary.BigEndian.Uint64(key), Type: raft.LogType(b[5])}
	rest := b[entryFixed:]
	term, n := binary.Uvarint(rest)
	if n <= 0 {
		return errEntry
	}
	rest = rest[n:]
	at, n := binary.Varint(rest)
	if n <= 0 {
		return errEntry
	}
	rest = rest[n:]
	size, n := binary.Uvarint(rest)
	if n <= 0 {
		return errEntry
	}
	if rest = rest[n:]; size > uint64(len(rest)) {
		return errEntry
	}
	l.Term = term
	if at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	l.Extensions = append([]byte(nil), rest[:size]...)
	l.Data = append([]byte(nil), rest[size:]...)
	return nil
}

func entrySum(key, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, table), table, b[4:])
}
