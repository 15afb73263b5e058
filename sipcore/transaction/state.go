package transaction

// A state of a transaction: RFC 3261 figures 5 to 8, RFC 6026 figures 1 and 2.
type state uint8

const (
	trying     state = iota // non-INVITE server: nothing sent
	calling                 // client: nothing heard (Trying, for a non-INVITE)
	proceeding              // no final response yet
	completed               // a final response; for INVITE one that is no 2xx
	confirmed               // INVITE server: and acknowledged
	accepted                // INVITE: a 2xx
	ended
)
