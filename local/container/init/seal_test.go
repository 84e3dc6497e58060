package main

import (
	"slices"
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
		"an overlay": {"401 380 0:55 / / ro,relatime master:1 - overlay overlay " +
			"rw,lowerdir=/a:/b,upperdir=/c,workdir=/d\n" + proc, true},
		"a folder of the machine (vfs)": {"401 380 254:0 /var/lib/docker/vfs/dir/0a / ro,relatime - " +
			"ext4 /dev/vda rw\n" + proc, false},
		"a folder of the machine's overlay": {"401 380 0:55 /var/lib/docker/vfs/dir/0a / ro - overlay " +
			"overlay rw\n" + proc, false},
		"the machine's own": {"1 0 254:0 / / rw - ext4 /dev/vda rw\n", false},
		"a subvolume":       {"401 380 0:33 /subvolumes/0a / ro - btrfs /dev/vda rw\n", false},
		"fuse":              {"401 380 0:55 / / ro - fuse.fuse-overlayfs fuse-overlayfs rw\n", false},
		"an overlay below another root": {"1 0 254:0 / / rw - ext4 /dev/vda rw\n401 1 0:55 / / ro - " +
			"overlay overlay rw\n", true},
		"another root over an overlay": {"401 1 0:55 / / ro - overlay overlay rw\n402 1 254:0 /x / rw " +
			"- ext4 /dev/vda rw\n", false},
		"nothing":                             {"", false},
		"lines of another kernel, or of none": {"x\n\n1 2 3\n - overlay\n", false},
	} {
		if got, others := mounts(strings.NewReader(c.mounts)); got != c.want || len(others) > 0 {
			t.Errorf("%s: got %t, %v", name, got, others)
		}
	}
}

// TestOtherMounts: volumes of the image are read-only on Lambda, as there are none.
func TestOtherMounts(t *testing.T) {
	const mountinfo = `401 380 0:55 / / ro,relatime - overlay overlay rw,lowerdir=/a
402 401 0:60 / /proc rw,nosuid - proc proc rw
403 401 0:61 / /dev rw,nosuid - tmpfs tmpfs rw
404 403 0:62 / /dev/pts rw,nosuid - devpts devpts rw
405 401 0:63 / /sys ro,nosuid - sysfs sysfs ro
406 401 0:64 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=512m
407 401 254:0 /docker/volumes/1/_data /data rw,relatime - ext4 /dev/vda rw
408 401 254:0 /docker/containers/1/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
409 401 254:0 /docker/volumes/2/_data /my\040data rw,relatime - ext4 /dev/vda rw
`
	own, others := mounts(strings.NewReader(mountinfo))
	if want := []string{"/data", "/etc/hosts", "/my data"}; !own || !slices.Equal(others, want) {
		t.Errorf("got %t, %q, want %q", own, others, want)
	}
}
