//go:build !linux

package writable

// Prepare has nothing to do where there is no Lambda.
func Prepare() []error { return nil }
