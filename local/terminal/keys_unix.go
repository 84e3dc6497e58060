//go:build linux || darwin

package terminal

import (
	"sync"

	"golang.org/x/sys/unix"
)

// singleKeys has the terminal hand over each key as it is pressed, without showing it (termios(3)). The mode of
// golang.org/x/term would also take away Control-C and the line ends of the programs that write to the same terminal.
func singleKeys(fd int) (restore func(), ok bool) {
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, false
	}
	if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return nil, false // in the background, where the keys are somebody else's
	}
	single := *before
	single.Lflag &^= unix.ICANON | unix.ECHO
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(fd, setTermios, &single) != nil {
		return nil, false
	}
	return sync.OnceFunc(func() { unix.IoctlSetTermios(fd, setTermios, before) }), true
}
