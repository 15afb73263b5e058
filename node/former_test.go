package node

import (
	"net/netip"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/store"
)

// TestANodeThatIsListedByItsCertificate: the View has of mons what a former version
// wrote, and its address of then. It has the View list its key, and may have another.
func TestANodeThatIsListedByItsCertificate(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	laurel := w.nodes["laurel"]
	o := options(t)
	o.Name, o.Role, o.Site = "mons", RoleLifeguard, firstSite
	d, err := openDirectory(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	have, err := newIdentity(o)
	if err != nil {
		t.Fatal(err)
	}
	key, request, err := link.NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := laurel.authority.Issue(request, "mons", link.LifeGUARD)
	if err != nil {
		t.Fatal(err)
	}
	own, err := key.Identity(certificate, laurel.authority.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	then := store.Node{
		Name: "mons", Role: RoleLifeguard, Site: firstSite, Address: netip.MustParseAddrPort("127.77.99.9:7946"),
		Certificate: link.CertificateFingerprint(certificate),
	}
	propose(t, laurel.config, store.SetNode{By: store.Author{At: time.Now()}, Node: then})
	have.Key, have.Certificate, have.Founded, have.Epoch = laurel.identity.Key, own.Marshal(), time.Now(), 1
	have.Mains = []place{{Node: "laurel", Address: laurel.address}}
	if err = have.save(d); err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	mons := w.start(o)
	w.eventually("the View lists its key, and where it is", func() bool {
		n, _ := laurel.config.View().Node("mons")
		return n.Certificate == own.Fingerprint() && n.Next == "" && n.Address == mons.address
	})
	w.linked("mons", "laurel")
	if _, err = laurel.RenewNode(t.Context(), "mons"); err != nil {
		t.Errorf("another key: %v", err)
	}
	if by := mons.status().Out; by != "" {
		t.Errorf("%s says that it is out", by)
	}
}
