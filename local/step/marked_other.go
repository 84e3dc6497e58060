//go:build !linux

package step

// killMarked: only Linux shows the environment of other processes without more rights.
func killMarked(string) {}
