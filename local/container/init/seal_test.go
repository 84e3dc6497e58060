package main

import (
	"strings"
	"testing"
)

// TestOverlayRoot: the file system that is made read-only is the container's own, never the machine's.
func TestOverlayRoot(t *testing.T) {
	const proc = "402 401 0:60 / /proc rw,nosuid - proc proc rw\n"
	for name, c := range map[string]struct {
		mounts string
		want   bool
	}{
		"an overlay":                          {"401 380 0:55 / / ro,relatime master:1 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d\n" + proc, true},
		"a folder of the machine (vfs)":       {"401 380 254:0 /var/lib/docker/vfs/dir/0a / ro,relatime - ext4 /dev/vda rw\n" + proc, false},
		"a folder of the machine's overlay":   {"401 380 0:55 /var/lib/docker/vfs/dir/0a / ro - overlay overlay rw\n" + proc, false},
		"the machine's own":                   {"1 0 254:0 / / rw - ext4 /dev/vda rw\n", false},
		"a subvolume":                         {"401 380 0:33 /subvolumes/0a / ro - btrfs /dev/vda rw\n", false},
		"fuse":                                {"401 380 0:55 / / ro - fuse.fuse-overlayfs fuse-overlayfs rw\n", false},
		"an overlay below another root":       {"1 0 254:0 / / rw - ext4 /dev/vda rw\n401 1 0:55 / / ro - overlay overlay rw\n", true},
		"another root over an overlay":        {"401 1 0:55 / / ro - overlay overlay rw\n402 1 254:0 /x / rw - ext4 /dev/vda rw\n", false},
		"nothing":                             {"", false},
		"lines of another kernel, or of none": {"x\n\n1 2 3\n - overlay\n", false},
	} {
		if got := overlayRoot(strings.NewReader(c.mounts)); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
