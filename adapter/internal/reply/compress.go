package reply

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/gzip"

	"lambda-web/adapter/internal/http1"
)

const (
	// smallestCompressed is the size below which a body only grows.
	smallestCompressed = 32
	// compressLimit bounds the body that is held to be compressed.
	compressLimit = 64 << 20
)

// compressor is made at the first reply that it compresses.
type compressor struct {
	writer *gzip.Writer
	plain  []byte
	packed bytes.Buffer
}

// isCompressible decides from the head whether the body may be sent with gzip. That the client accepts it is settled
// already.
func (e *Encoder) isCompressible(r *Response) bool {
	return r.Length != 0 && (r.Length < 0 || r.Length >= smallestCompressed) &&
		!e.has("content-encoding") && !e.has("content-range") && isCompressible(e.get("content-type"))
}

// compress replaces the response's body with its gzip form (RFC 1952) and changes the fields to match.
func (e *Encoder) compress(r *Response) error {
	g := &e.gzip
	g.plain = g.plain[:0]
	for {
		piece, err := r.Body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		g.plain = append(g.plain, piece...)
		if len(g.plain) > compressLimit {
			return tooLarge(int64(len(g.plain)), int64(len(g.plain)))
		}
	}
	body := Text(g.plain)
	if len(g.plain) >= smallestCompressed {
		body = Text(g.pack())
		e.remove("content-length")
		e.remove("accept-ranges")
		e.fields = append(e.fields,
			http1.Field{Name: []byte("content-encoding"), Value: []byte("gzip")},
			http1.Field{Name: []byte("vary"), Value: []byte("accept-encoding")})
	}
	r.Body, r.Length = &body, int64(len(body))
	return nil
}

func (g *compressor) pack() []byte {
	g.packed.Reset()
	if g.writer == nil {
		g.writer, _ = gzip.NewWriterLevel(&g.packed, gzip.DefaultCompression) // the level is a valid one
	} else {
		g.writer.Reset(&g.packed)
	}
	_, _ = g.writer.Write(g.plain) // a buffer takes everything
	_ = g.writer.Close()
	return g.packed.Bytes()
}
