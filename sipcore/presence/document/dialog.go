package document

import (
	"hash/fnv"
	"strconv"

	"carillon/store/live"
)

// anonymous is who a party is that wants not to be named (RFC 3323 section 4.1.1.3).
const anonymous = "sip:anonymous@anonymous.invalid"

// DialogInfo returns what a lamp is told (RFC 4235): the dialogs of the user whose
// address is entity, all that there are if full, those that changed otherwise; of
// those the ones that are over have the state Terminated. The version must rise by
// one with each document of a subscription. The other side of a Private dialog is
// not named. A full document without dialogs has one that is over: there are phones
// (Yealink) that put a light out for that alone, and a phone that lit it at another
// node never heard of the end.
func DialogInfo(entity string, version uint32, full bool, dialogs []live.Dialog) []byte {
	return AppendDialogInfo(nil, entity, version, full, dialogs)
}

// AppendDialogInfo appends what DialogInfo returns.
func AppendDialogInfo(dst []byte, entity string, version uint32, full bool, dialogs []live.Dialog) []byte {
	dst = append(dst, prolog+`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="`...)
	dst = strconv.AppendUint(dst, uint64(version), 10)
	if full {
		dst = append(dst, `" state="full"`...)
	} else {
		dst = append(dst, `" state="partial"`...)
	}
	dst = append(appendAttribute(dst, "entity", entity), ">\n"...)
	for i := range dialogs {
		dst = appendDialog(dst, entity, &dialogs[i])
	}
	if full && len(dialogs) == 0 {
		dst = append(dst, `<dialog id="idle"><state>terminated</state></dialog>`+"\n"...)
	}
	return append(dst, "</dialog-info>\n"...)
}

func appendDialog(dst []byte, entity string, d *live.Dialog) []byte {
	dst = append(dst, `<dialog id="`...)
	dst = append(appendDialogID(dst, d), '"')
	dst = appendAttribute(dst, "call-id", d.CallID)
	if d.LocalTag != "" {
		dst = appendAttribute(dst, "local-tag", d.LocalTag)
	}
	if d.RemoteTag != "" {
		dst = appendAttribute(dst, "remote-tag", d.RemoteTag)
	}
	dst = appendAttribute(dst, "direction", d.Direction.String())
	dst = append(dst, ">\n"...)
	dst = append(appendElement(dst, "state", d.State.String()), '\n')
	dst = appendParty(dst, "local", "", entity)
	if d.Private {
		dst = appendParty(dst, "remote", "", anonymous)
	} else if d.Remote.URI != "" {
		dst = appendParty(dst, "remote", d.Remote.Display, d.Remote.URI)
	}
	return append(dst, "</dialog>\n"...)
}

// appendDialogID appends a name of the dialog that stays the same while its tags
// change, and is that of no other: a call to oneself has two.
func appendDialogID(dst []byte, d *live.Dialog) []byte {
	h := fnv.New64a()
	for _, part := range []string{d.CallID, d.Call, d.Node, d.Direction.String()} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return strconv.AppendUint(append(dst, 'd'), h.Sum64(), 16)
}

// appendParty appends one side: phones show its identity and pick up by its target.
func appendParty(dst []byte, side, display, uri string) []byte {
	dst = append(append(append(dst, '<'), side...), "><identity"...)
	if display != "" {
		dst = appendAttribute(dst, "display", display)
	}
	dst = append(appendEscaped(append(dst, '>'), uri), "</identity><target"...)
	dst = append(appendAttribute(dst, "uri", uri), "/></"...)
	return append(append(dst, side...), ">\n"...)
}
