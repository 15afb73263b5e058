package quorum

import (
	"slices"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/test/tool"
)

// witnessed are two mains, ada and bea, and the witness cem.
func witnessed(t *testing.T) *mains {
	t.Helper()
	m := two(t)
	m.startAs("cem", link.Witness, false, new(memory))
	if err := m.up["ada"].AddVoter(soon(t), "cem"); err != nil {
		t.Fatal(err)
	}
	for _, one := range m.up {
		await(t, "three votes", func() bool { return len(one.Voters()) == 3 })
	}
	return m
}

// TestTwoMainsAndAWitness: when one main dies, the other leads and decides with
// the witness, which keeps no lead and no word.
func TestTwoMainsAndAWitness(t *testing.T) {
	m := witnessed(t)
	dead := m.leader()
	kept := m.kill(dead)
	left := map[string]string{"ada": "bea", "bea": "ada"}[dead]
	begin := tool.Start(t)
	propose(t, m.up[left].Quorum, "second")
	took := begin.Took()
	if !tool.Figure(t, "two mains and a witness, one main killed: writable", took.Seconds(), 8, "s") {
		t.Errorf("writable only after %v", took)
	}
	if leader := m.leader(); leader != left {
		t.Errorf("%s leads, want %s", leader, left)
	}
	m.start(dead, false, kept)
	await(t, dead+" to have all", func() bool { return slices.Contains(m.up[dead].memory.list(), "second") })
}

// TestAWitnessHandsTheLeadOver: what it alone has with the main that is lost, it
// gives to the one that is left, with the lead.
func TestAWitnessHandsTheLeadOver(t *testing.T) {
	m := witnessed(t)
	lost := m.leader()
	left := map[string]string{"ada": "bea", "bea": "ada"}[lost]
	behind := m.stop(left)
	propose(t, m.up[lost].Quorum, "without the other")
	m.kill(lost)
	m.start(left, false, behind)
	await(t, left+" leads with all that was agreed on", func() bool {
		leader, _ := m.up[left].Leader()
		return leader == left && slices.Contains(m.up[left].memory.list(), "without the other")
	})
	propose(t, m.up[left].Quorum, "with the witness")
	await(t, "the witness follows", func() bool { return !m.up["cem"].leads() })
}

// TestAWitnessDecidesNothing: it proposes nothing, is asked for nothing, and is
// not believed when it speaks of another epoch.
func TestAWitnessDecidesNothing(t *testing.T) {
	m := witnessed(t)
	ada, cem := m.up["ada"], m.up["cem"]
	for _, o := range []op{opPropose, opAddVoter, opDropVoter, opBarrier} {
		a, err := cem.ask(soon(t), time.Second, "ada", o, []byte("cem"))
		if err != nil || a.status != statusFailed {
			t.Errorf("question %d of a witness: got %+v, %v, want a refusal", o, a, err)
		}
		a, err = ada.ask(soon(t), time.Second, "cem", o, []byte("cem"))
		if err != nil || a.status != statusNotLeader {
			t.Errorf("question %d to a witness: got %+v, %v, want that it does not lead", o, a, err)
		}
	}
	later := nextEpoch(1)
	if ada.admits(link.Peer{Node: "cem", Role: link.Witness}, later) || ada.admits(link.Peer{Node: "mons", Role: link.LifeGUARD}, later) {
		t.Error("another epoch is let in")
	}
	select {
	case s := <-ada.later:
		t.Errorf("a main follows %+v of who is no main", s)
	default:
	}
	propose(t, ada.Quorum, "still")
}
