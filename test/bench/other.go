//go:build !linux

// Command bench measures adapters; see the Linux files of this folder.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr,
		"bench: this needs Linux, whose kernel keeps the figures (epoll, /proc); run it in a Linux container")
	os.Exit(1)
}
