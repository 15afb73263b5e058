package message

// A Name is a header field the index knows; its compact form means the same.
type Name uint8

// The known header fields. Their order is the order in which Validate misses them. There are fewer than 64.
const (
	Other Name = iota
	Via
	From
	To
	CallID
	CSeq
	Contact
	Route
	RecordRoute
	MaxForwards
	ContentLength
	ContentType
	Expires
	MinExpires
	Path
	ServiceRoute
	Authorization
	ProxyAuthorization
	WWWAuthenticate
	ProxyAuthenticate
	Require
	ProxyRequire
	Supported
	Unsupported
	UserAgent
	Server
	Allow
	Accept
	Event
	Date
	Reason
	Timestamp
	RetryAfter
	SessionExpires
	MinSE
	RAck
	RSeq
	Replaces
	ReferTo
	ReferredBy
	SubscriptionState
	PAssertedIdentity
	PPreferredIdentity
	Privacy
	Diversion
	HistoryInfo
	AlertInfo
	MaxBreadth
	AllowEvents
	AuthenticationInfo
	CallInfo
	ContentDisposition
	ContentEncoding
	Identity
	Join
	SIPETag
	SIPIfMatch
	Subject
	TargetDialog
	Warning
	RemotePartyID
	AnswerMode
	Priority
)

//nolint:gochecknoglobals,gosec // a constant table: Go has no constant arrays. No credentials, G101
var names = [...]string{
	Via: "Via", From: "From", To: "To", CallID: "Call-ID", CSeq: "CSeq", Contact: "Contact", Route: "Route",
	RecordRoute: "Record-Route", MaxForwards: "Max-Forwards", ContentLength: "Content-Length", ContentType: "Content-Type",
	Expires: "Expires", MinExpires: "Min-Expires", Path: "Path", ServiceRoute: "Service-Route",
	Authorization: "Authorization", ProxyAuthorization: "Proxy-Authorization", WWWAuthenticate: "WWW-Authenticate",
	ProxyAuthenticate: "Proxy-Authenticate", Require: "Require", ProxyRequire: "Proxy-Require", Supported: "Supported",
	Unsupported: "Unsupported", UserAgent: "User-Agent", Server: "Server", Allow: "Allow", Accept: "Accept", Event: "Event",
	Date: "Date", Reason: "Reason", Timestamp: "Timestamp", RetryAfter: "Retry-After", SessionExpires: "Session-Expires",
	MinSE: "Min-SE", RAck: "RAck", RSeq: "RSeq", Replaces: "Replaces", ReferTo: "Refer-To", ReferredBy: "Referred-By",
	SubscriptionState: "Subscription-State", PAssertedIdentity: "P-Asserted-Identity",
	PPreferredIdentity: "P-Preferred-Identity", Privacy: "Privacy", Diversion: "Diversion", HistoryInfo: "History-Info",
	AlertInfo: "Alert-Info", MaxBreadth: "Max-Breadth", AllowEvents: "Allow-Events",
	AuthenticationInfo: "Authentication-Info", CallInfo: "Call-Info", ContentDisposition: "Content-Disposition",
	ContentEncoding: "Content-Encoding", Identity: "Identity", Join: "Join", SIPETag: "SIP-ETag",
	SIPIfMatch: "SIP-If-Match", Subject: "Subject", TargetDialog: "Target-Dialog", Warning: "Warning",
	RemotePartyID: "Remote-Party-ID", AnswerMode: "Answer-Mode", Priority: "Priority",
}

// String is the canonical spelling, "" for Other.
func (n Name) String() string {
	if int(n) >= len(names) {
		return ""
	}
	return names[n]
}

func (n Name) bit() uint64 { return 1 << (n & 63) }

//nolint:gochecknoglobals // a constant table: Go has no constant arrays
var namesOfLength = [...][]Name{
	2:  {To},
	3:  {Via},
	4:  {From, CSeq, Path, Date, RAck, RSeq, Join},
	5:  {Route, Allow, Event},
	6:  {Server, Accept, Reason, MinSE},
	7:  {CallID, Contact, Expires, Require, Privacy, Subject, Warning},
	8:  {Replaces, ReferTo, Identity, SIPETag, Priority},
	9:  {Supported, Timestamp, Diversion, CallInfo},
	10: {UserAgent, AlertInfo},
	11: {MinExpires, Unsupported, RetryAfter, ReferredBy, MaxBreadth, AnswerMode},
	12: {MaxForwards, ContentType, RecordRoute, HistoryInfo, AllowEvents, SIPIfMatch},
	13: {ServiceRoute, Authorization, ProxyRequire, TargetDialog},
	14: {ContentLength},
	15: {SessionExpires, RemotePartyID},
	16: {WWWAuthenticate, ContentEncoding},
	18: {ProxyAuthenticate, SubscriptionState},
	19: {ProxyAuthorization, PAssertedIdentity, AuthenticationInfo, ContentDisposition},
	20: {PPreferredIdentity},
}

// nameOf finds the Name of a field name as written: the few of its length are compared, first exactly, then in any case.
func nameOf(s string) Name {
	if len(s) == 1 {
		return compactName(s[0])
	}
	if len(s) >= len(namesOfLength) {
		return Other
	}
	candidates := namesOfLength[len(s)]
	for _, n := range candidates {
		if name := names[n]; s[0] == name[0] && s == name {
			return n
		}
	}
	for _, n := range candidates {
		if sameFold(s, names[n]) {
			return n
		}
	}
	return Other
}

// compactName is the header of a one-letter name: RFC 3261 7.3.3, RFC 3515, 3892, 4028, 6665, 8224.
func compactName(c byte) Name {
	switch lower(c) {
	case 'b':
		return ReferredBy
	case 'c':
		return ContentType
	case 'e':
		return ContentEncoding
	case 'f':
		return From
	case 'i':
		return CallID
	case 'k':
		return Supported
	case 'l':
		return ContentLength
	case 'm':
		return Contact
	case 'o':
		return Event
	case 'r':
		return ReferTo
	case 's':
		return Subject
	case 't':
		return To
	case 'u':
		return AllowEvents
	case 'v':
		return Via
	case 'x':
		return SessionExpires
	case 'y':
		return Identity
	default:
		return Other
	}
}
