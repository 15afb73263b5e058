package message

// A Method is what a request asks for. Names of methods are case-sensitive.
type Method uint8

// The methods this system knows: RFC 3261, 3262 PRACK, 3311 UPDATE, 6086 INFO, 3515 REFER, 3428 MESSAGE, 6665 SUBSCRIBE and
// NOTIFY, 3903 PUBLISH.
const (
	Unknown Method = iota
	INVITE
	ACK
	BYE
	CANCEL
	REGISTER
	OPTIONS
	PRACK
	UPDATE
	INFO
	REFER
	MESSAGE
	SUBSCRIBE
	NOTIFY
	PUBLISH
)

// String is the method's name, "" for Unknown.
func (m Method) String() string {
	if int(m) >= len(methods) {
		return ""
	}
	return methods[m]
}

//nolint:gochecknoglobals // a constant table: Go has no constant arrays
var methods = [...]string{
	INVITE: "INVITE", ACK: "ACK", BYE: "BYE", CANCEL: "CANCEL", REGISTER: "REGISTER", OPTIONS: "OPTIONS", PRACK: "PRACK",
	UPDATE: "UPDATE", INFO: "INFO", REFER: "REFER", MESSAGE: "MESSAGE", SUBSCRIBE: "SUBSCRIBE", NOTIFY: "NOTIFY",
	PUBLISH: "PUBLISH",
}

// MethodOf is the method of that name, Unknown for any other.
func MethodOf(name string) Method {
	for m := INVITE; int(m) < len(methods); m++ {
		if methods[m] == name {
			return m
		}
	}
	return Unknown
}
