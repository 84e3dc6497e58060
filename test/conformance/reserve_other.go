//go:build !linux

package conformance

func reserve(int) (release func(), err error) { return func() {}, nil }
