package store

import (
	"crypto/sha256"
	"encoding/hex"
)

// hash returns the first 16 bytes of the SHA-256 of c's encoding in hex, as far as
// every node has it. That encoding has one form for one content (RFC 8949 4.2).
func hash(c Config) string {
	b, err := EncodeConfig(c.scope(""))
	if err != nil {
		return "" // plain strings and lists always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
