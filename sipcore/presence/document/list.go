package document

import (
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
)

// A Resource is one member of a list that is watched as one (RFC 4662 section 5.1).
type Resource struct {
	URI  string
	Name string // for people; may be empty

	State  string // of its own subscription: "active", "pending" or "terminated"; empty: nothing is known of it
	Reason string // why it is terminated: "rejected", "noresource", ...

	Type string // of Body: TypePIDF or TypeDialogInfo
	Body []byte // what is told of it; nil if nothing
}

// List returns the body of a NOTIFY of a list and its Content-Type: a list of the
// resources (RFC 4662 section 5) and a part for each that has a Body. full says
// that all members are there; otherwise those alone that changed. The version must
// rise by one with each document of a subscription. Each body must be one of this
// package's.
func List(uri string, version uint32, full bool, resources []Resource) (contentType string, body []byte) {
	name := listName(uri, version)
	dst := appendPartHead(make([]byte, 0, 512*(1+len(resources))), name, TypeRLMI+`;charset="UTF-8"`, -1)
	dst = appendRLMI(dst, name, uri, version, full, resources)
	for i := range resources {
		if resources[i].Body != nil {
			dst = append(dst, "\r\n"...)
			dst = appendPartHead(dst, name, resources[i].Type, i)
			dst = append(dst, resources[i].Body...)
		}
	}
	dst = append(append(append(dst, "\r\n--"...), name...), "--\r\n"...)
	return TypeMultipart + `;type="` + TypeRLMI + `";start="<` + string(appendCID(nil, name, -1)) + `>";boundary="` + name + `"`, dst
}

// listName makes the boundary and the names of the parts. No line of a body begins
// with it: within a text they have line feeds escaped.
func listName(uri string, version uint32) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uri))
	return "carillon-" + strconv.FormatUint(h.Sum64(), 36) + "-" + strconv.FormatUint(uint64(version), 36)
}

// appendCID appends the Content-ID of the part of a resource, or of the list (-1).
func appendCID(dst []byte, name string, i int) []byte {
	dst = strconv.AppendInt(append(dst, 'p'), int64(i+1), 10)
	return append(append(dst, '@'), name...)
}

func appendPartHead(dst []byte, name, contentType string, i int) []byte {
	dst = append(append(append(dst, "--"...), name...), "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <"...)
	dst = append(appendCID(dst, name, i), ">\r\nContent-Type: "...)
	return append(append(dst, contentType...), "\r\n\r\n"...)
}

func appendRLMI(dst []byte, name, uri string, version uint32, full bool, resources []Resource) []byte {
	dst = append(dst, prolog+`<list xmlns="urn:ietf:params:xml:ns:rlmi"`...)
	dst = appendAttribute(dst, "uri", uri)
	dst = strconv.AppendUint(append(dst, ` version="`...), uint64(version), 10)
	dst = append(strconv.AppendBool(append(dst, `" fullState="`...), full), "\">\n"...)
	for i := range resources {
		dst = appendResource(dst, name, i, &resources[i])
	}
	return append(dst, "</list>\n"...)
}

func appendResource(dst []byte, name string, i int, r *Resource) []byte {
	dst = append(appendAttribute(append(dst, "<resource"...), "uri", r.URI), '>')
	if r.Name != "" {
		dst = appendElement(dst, "name", r.Name)
	}
	if r.State != "" {
		dst = appendAttribute(append(dst, `<instance id="i"`...), "state", r.State)
		if r.Reason != "" {
			dst = appendAttribute(dst, "reason", r.Reason)
		}
		if r.Body != nil {
			dst = append(appendCID(append(dst, ` cid="`...), name, i), '"')
		}
		dst = append(dst, "/>"...)
	}
	return append(dst, "</resource>\n"...)
}

// mostEntries bounds the list that a phone asks to watch.
const mostEntries = 256

// ErrTooMany refuses a list that is longer than anybody watches.
var ErrTooMany = errors.New("the list has too many entries")

// ParseList reads the URIs that a phone wants to watch as one list, from the body
// of its SUBSCRIBE (RFC 5367, RFC 4826), in their order, each once. What stands
// elsewhere (entry-ref, external) is left out.
func ParseList(body []byte) ([]string, error) {
	root, err := parse(body)
	if err != nil {
		return nil, err
	}
	if root.name != (name{nsLists, "resource-lists"}) {
		return nil, errDocument
	}
	var uris []string
	for e := range root.within() {
		uri := e.attribute("uri")
		if e.name != (name{nsLists, "entry"}) || uri == "" || slices.Contains(uris, uri) {
			continue
		}
		if uris = append(uris, uri); len(uris) > mostEntries {
			return nil, ErrTooMany
		}
	}
	return uris, nil
}
