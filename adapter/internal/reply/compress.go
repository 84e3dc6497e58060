package reply

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/lambdaapi"
)

const (
	// smallestCompressed is the size below which a body only grows.
	smallestCompressed = 32
	// compressLimit bounds what is compressed: a client that unpacks more has no use for it.
	compressLimit = 64 << 20
	// gzipHead begins a gzip member of which nothing else is known (RFC 1952 section 2.3): its two
	// magic bytes, deflate, no flags, no time, no hint about the level, an unknown system.
	gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
)

// compressor makes the gzip form (RFC 1952) of a body while it comes, so that the plain one needs
// no memory. It is made at the first reply that it compresses. The few bytes around the deflated
// data are written here: package gzip would link the standard library's compressor as well.
type compressor struct {
	writer *flate.Writer
	packed *[]byte
	sum    uint32                   // CRC-32 of the body so far
	first  [smallestCompressed]byte // the first bytes of the body
	held   int                      // of them
}

// Write takes what the writer has made.
func (g *compressor) Write(p []byte) (int, error) {
	*g.packed = append(*g.packed, p...)
	return len(p), nil
}

// isCompressible decides from the head whether the body may be sent with gzip. That the client
// accepts it is settled already.
func (e *Encoder) isCompressible(r *Response) bool {
	if 0 <= r.Length && r.Length < smallestCompressed {
		return false
	}
	for i := range e.fields {
		switch string(e.fields[i].Name) {
		case "content-encoding", "content-range":
			return false
		case "content-digest", "repr-digest", "digest", "content-md5":
			return false // of the bytes as they are (RFC 9530), which the client would check others against
		case "cache-control":
			if http1.HasOption(e.fields[i].Value, "no-transform") { // RFC 9111 section 5.2.2.6
				return false
			}
		}
	}
	return isCompressible(e.get("content-type"))
}

// readCompressed reads the body's gzip form into e.raw and changes the fields to match. A body that
// turns out to be too small is left as it is.
func (e *Encoder) readCompressed(r *Response) error {
	g := &e.gzip
	g.held, g.packed = 0, &e.raw
	size := 0
	for {
		piece, err := r.Body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if size += len(piece); size > compressLimit {
			return tooLarge(r.Length)
		}
		if g.write(piece); len(e.raw) > lambdaapi.MaxResponse {
			return tooLarge(-1)
		}
	}
	if g.held < len(g.first) {
		e.raw = append(e.raw, g.first[:g.held]...)
		return nil
	}
	g.close(size)
	e.remove("content-length")
	e.remove("accept-ranges")
	e.weakenETag()
	e.fields = append(e.fields,
		http1.Field{Name: []byte("content-encoding"), Value: []byte("gzip")},
		http1.Field{Name: []byte("vary"), Value: []byte("accept-encoding")})
	return nil
}

// write compresses a piece, once there is enough of the body.
func (g *compressor) write(piece []byte) {
	if g.held < len(g.first) {
		n := copy(g.first[g.held:], piece)
		piece = piece[n:]
		if g.held += n; g.held < len(g.first) {
			return
		}
		if g.writer == nil {
			g.writer, _ = flate.NewWriter(g, flate.DefaultCompression) // the level is a valid one
		} else {
			g.writer.Reset(g)
		}
		*g.packed = append(*g.packed, gzipHead...)
		g.sum = 0
		g.deflate(g.first[:])
	}
	g.deflate(piece)
}

func (g *compressor) deflate(piece []byte) {
	g.sum = crc32.Update(g.sum, crc32.IEEETable, piece)
	_, _ = g.writer.Write(piece) // Write takes everything
}

// close ends the gzip form of a body of size bytes (RFC 1952 section 2.3.1).
func (g *compressor) close(size int) {
	_ = g.writer.Close()
	*g.packed = binary.LittleEndian.AppendUint32(*g.packed, g.sum)
	*g.packed = binary.LittleEndian.AppendUint32(*g.packed, uint32(size))
}

// weakenETag: a strong validator names the very bytes of the body, and they have become others (RFC
// 9110 section 8.8.1).
func (e *Encoder) weakenETag() {
	for i := range e.fields {
		f := &e.fields[i]
		if string(f.Name) == "etag" && !bytes.HasPrefix(f.Value, []byte("W/")) {
			f.Value = append([]byte("W/"), f.Value...)
		}
	}
}
