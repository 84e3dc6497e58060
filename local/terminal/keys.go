package terminal

import (
	"os"

	"golang.org/x/term"
)

// Is tells whether a file is a terminal that somebody reads: not one of a build server, and not one that can do
// nothing.
// https://no-color.org, and the variable CI that build servers set.
func Is(file *os.File) bool {
	return term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == ""
}

// Colours tells whether the user has nothing against them.
func Colours() bool { return os.Getenv("NO_COLOR") == "" }

// Width is the number of columns of a terminal now.
func Width(file *os.File) int {
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// Keys reads single keys from a terminal, until stop is called or the terminal ends. Control-C stays a signal. Where
// keys cannot be read, none come. stop gives the terminal back as it was.
func Keys(file *os.File, press func(key byte)) (stop func()) {
	restore, ok := singleKeys(int(file.Fd()))
	if !ok {
		return func() {}
	}
	go func() {
		var key [1]byte
		for {
			if n, err := file.Read(key[:]); n == 0 || err != nil {
				return
			}
			press(key[0])
		}
	}()
	return restore
}
