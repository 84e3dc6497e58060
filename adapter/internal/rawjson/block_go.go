//go:build (!amd64 && !arm64) || purego

package rawjson

func stops(b *block) (mask uint64) { return stopsIn(b) }

func classes(b *block) (cont, lead2, lead3, lead4, odd uint64) { return classesIn(b) }
