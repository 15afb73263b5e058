package main

import (
	"testing"

	"carillon/test/house"
	"carillon/test/tool"
)

// TestOwnPhones keeps the measurements that bring phones of their own working,
// small.
func TestOwnPhones(t *testing.T) {
	tool.Shared(t, "rig/run.py")
	r, err := newRig(t.Context(), house.Address(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := r.holes(t.Context(), flags{rounds: 1, n: 50}); err != nil {
		t.Error(err)
	}
	if err := r.million(t.Context(), flags{n: 5000}); err != nil {
		t.Error(err)
	}
}
