//go:build !linux

package lambda

func Reserve(int) (release func(), err error) { return func() {}, nil }
