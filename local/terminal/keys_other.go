//go:build !linux && !darwin

package terminal

func singleKeys(int) (restore func(), ok bool) { return nil, false }
