package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// openFiles is Lambda's limit for a process.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
const openFiles = 1024

// seal makes the container what a sandbox of Lambda is, with rights that only this process has and only now: the
// limit of open files, the root file system read-only, /tmp for everybody. Then it starts over as Lambda's
// unprivileged user without any right. It must be alone in a container of its own.
func seal() error {
	limit := syscall.Rlimit{Cur: openFiles, Max: openFiles}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit the number of open files: %w", err)
	}
	makeReadOnly()
	// Some engines give a tmpfs the mode of the image's folder in its place, whatever they are told.
	if err := os.Chmod("/tmp", 0o777|os.ModeSticky); err != nil {
		return fmt.Errorf("let everybody write to /tmp: %w", err)
	}
	if err := drop(); err != nil {
		return fmt.Errorf("give up all rights: %w", err)
	}
	return fmt.Errorf("start over: %w", syscall.Exec("/proc/self/exe", os.Args[:1], os.Environ()))
}

// Lambda's user and group for every process of an image, whatever its USER.
const (
	userID  = 993
	groupID = 990
)

const (
	dropBounding   = 24 // PR_CAPBSET_DROP, see prctl(2)
	lastCapability = 63
)

// drop becomes the unprivileged user. With the user go the effective and permitted capabilities.
func drop() error {
	for capability := uintptr(0); capability <= lastCapability; capability++ {
		syscall.AllThreadsSyscall(syscall.SYS_PRCTL, dropBounding, capability, 0) // of those that the kernel knows
	}
	return errors.Join(syscall.Setgroups(nil), syscall.Setresgid(groupID, groupID, groupID), syscall.Setresuid(userID,
		userID, userID))
}

// makeReadOnly leaves /tmp as what can be written. Where the kernel does not want it, what the engine has made of the
// file systems remains.
func makeReadOnly() {
	mountinfo, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return
	}
	defer mountinfo.Close()
	own, others := mounts(mountinfo)
	for _, place := range others {
		syscall.Mount("", place, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
	}
	if own {
		// It is mounted read-only already; now it is so for files that others may not write, too: EROFS, as on
		// Lambda, in place of EACCES.
		syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
}

// mounts reads proc_pid_mountinfo(5). The root is the container's own if it is an overlay of this container alone:
// what is done to the file system of any other one is done to the machine's. The others are volumes of the image and
// single files; the kernel's file systems and /tmp are not among them.
func mounts(mountinfo io.Reader) (ownRoot bool, others []string) {
	for lines := bufio.NewScanner(mountinfo); lines.Scan(); {
		mount, filesystem, _ := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount) // id, parent, device, root, mount point, options
		if len(fields) < 5 {
			continue
		}
		place := unescape.Replace(fields[4])
		switch first, _, _ := strings.Cut(strings.TrimPrefix(place, "/"), "/"); {
		case place == "/": // the last one is seen
			ownRoot = fields[3] == "/" && strings.HasPrefix(filesystem, "overlay ")
		case first == "proc", first == "sys", first == "dev", first == "tmp":
		default:
			others = append(others, place)
		}
	}
	return ownRoot, others
}

// unescape undoes the escapes of mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
