package store

// What former versions wrote.

// wireConfig1 is the configuration of version 1, which had no nodes.
type wireConfig1 struct {
	_      struct{} `cbor:",toarray"`
	Domain string
	Sites  []wireSite
	Users  []wireUser
	Trunks []wireTrunk
}

// wireConfig2 is the configuration of version 2, which had no origins.
type wireConfig2 struct {
	_       struct{} `cbor:",toarray"`
	Domain  string
	Sites   []wireSite
	Users   []wireUser
	Trunks  []wireTrunk
	Nodes   []wireNode
	Tokens  []wireToken
	Revoked []string
}

// wireConfig4 is the configuration of versions 3 and 4, which had no keys.
type wireConfig4 struct {
	_       struct{} `cbor:",toarray"`
	Domain  string
	Sites   []wireSite
	Users   []wireUser
	Trunks  []wireTrunk
	Nodes   []wireNode
	Tokens  []wireToken
	Revoked []string
	Origins []string
}

// wireReplace2 is the Change up to version 2, which had no origins.
type wireReplace2 struct {
	_      struct{} `cbor:",toarray"`
	Who    string
	At     int64
	Exact  bool
	Realm  string
	Domain *string
	Sites  []wireSite
	Users  []wireUser
	Trunks []wireTrunk
}

// wireSite3 is a site up to version 3, which had no budget.
type wireSite3 struct {
	_            struct{} `cbor:",toarray"`
	Name         string
	Networks     []string
	CallsTrusted bool
	Operator     string
	Homing       string
	Survivable   string
}

// wireJoin4 is the Change up to version 4, which changed no keys.
type wireJoin4 struct {
	_     struct{} `cbor:",toarray"`
	By    wireAuthor
	Token string
	Node  wireNode
}

// wireRemoveNode4 is the Change up to version 4, which changed no keys.
type wireRemoveNode4 struct {
	_    struct{} `cbor:",toarray"`
	By   wireAuthor
	Name string
}
