//go:build (amd64 || arm64) && !purego

package rawjson

// stops is stopsIn, 16 bytes at a time.
//
//go:noescape
func stops(b *block) (mask uint64)

// classes is classesIn, 16 bytes at a time.
//
//go:noescape
func classes(b *block) (cont, lead2, lead3, lead4, odd uint64)
