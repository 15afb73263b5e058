package lab

import (
	"os"
	"os/exec"
	"testing"

	"carillon/test/tool"
)

// inside prepares the namespaces of who is not root: names of networks are files
// in a directory that only root can write.
const inside = `PATH=$PATH:/usr/sbin; mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"`

// Elsewhere reports whether a test that makes networks has run already: of who
// is not root, it runs once more in namespaces in which he is, and which are
// gone after it. Where the kernel does not allow that, the test fails.
func Elsewhere(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	unshare := tool.Need(t, "unshare", "util-linux")
	again := exec.CommandContext(t.Context(), unshare, "-U", "-r", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", //nolint:gosec // this very test
		"sh", "-c", inside, "lab", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	out, err := again.CombinedOutput()
	t.Logf("as root of namespaces of its own:\n%s", out)
	if err != nil {
		t.Errorf("it needs root, or a kernel that lets anybody make namespaces: %v", err)
	}
	return true
}
