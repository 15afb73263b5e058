package document

import (
	"strconv"

	"carillon/store/live"
)

// openPIDF begins every presence document: PIDF (RFC 3863) with a person of the
// data model (RFC 4479) who has activities (RFC 4480).
const openPIDF = prolog + `<presence xmlns="urn:ietf:params:xml:ns:pidf"` +
	` xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"` +
	` xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"` +
	` xmlns:im="urn:ietf:params:xml:ns:pidf:im"`

// PIDF returns what is told about the user whose address is entity: a tuple and,
// if there is more to say than open or closed, a person for each Presence of the
// state. Where nothing is known the user is closed.
func PIDF(entity string, state live.State) []byte { return AppendPIDF(nil, entity, state) }

// AppendPIDF appends what PIDF returns.
func AppendPIDF(dst []byte, entity string, state live.State) []byte {
	dst = append(dst, openPIDF...)
	dst = append(appendAttribute(dst, "entity", entity), ">\n"...)
	tuples := state.Tuples
	if len(tuples) == 0 {
		tuples = []live.Presence{{}}
	}
	for i := range tuples {
		dst = appendTuple(dst, entity, i, &tuples[i])
	}
	for i := range tuples {
		dst = appendPerson(dst, i, &tuples[i])
	}
	return append(dst, "</presence>\n"...)
}

func appendTuple(dst []byte, entity string, i int, p *live.Presence) []byte {
	dst = append(strconv.AppendInt(append(dst, `<tuple id="t`...), int64(i), 10), `"><status><basic>`...)
	if p.Open {
		dst = append(dst, "open</basic>"...)
	} else {
		dst = append(dst, "closed</basic>"...)
	}
	if p.IM != "" {
		dst = appendElement(dst, "im:im", p.IM)
	}
	dst = append(dst, "</status>"...)
	dst = appendElement(dst, "contact", entity)
	if p.Note != "" {
		dst = appendElement(dst, "note", p.Note)
	}
	return append(dst, "</tuple>\n"...)
}

func appendPerson(dst []byte, i int, p *live.Presence) []byte {
	if p.Activity == "" && p.Note == "" {
		return dst
	}
	dst = append(strconv.AppendInt(append(dst, `<dm:person id="p`...), int64(i), 10), `">`...)
	if p.Activity != "" {
		dst = append(append(append(dst, "<rpid:activities><rpid:"...), p.Activity...), "/></rpid:activities>"...)
	}
	if p.Note != "" {
		dst = appendElement(dst, "dm:note", p.Note)
	}
	return append(dst, "</dm:person>\n"...)
}
