// Package auth knows who may be believed: it checks passwords by digest (RFC
// 3261 section 22, RFC 7616, RFC 8760), and makes and opens what this node
// hands out to find again later: nonces and the tokens in Path and Record-Route
// URIs. It reads messages and sends none; who is asked for a password is
// decided by who calls it. Neither passwords nor digests appear in its errors,
// and it writes no log.
package auth
