package lambdaapi

import (
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"lambda-web/adapter/internal/failure"
)

// Stream is a response that is sent while the app still writes it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
type Stream struct {
	runtime *Runtime
	inv     *Invocation
}

const (
	errorTypeTrailer = "Lambda-Runtime-Function-Error-Type"
	errorBodyTrailer = "Lambda-Runtime-Function-Error-Body"
	lastChunk        = "0\r\n\r\n"
	// smallPiece is the largest piece that is copied, to leave in one buffer.
	smallPiece = 8 << 10
	// lookEvery is how often it is looked whether the Runtime API still reads. At full speed a look
	// before each piece of 32 KB would be 4 % of the CPU time.
	lookEvery = 10 * time.Millisecond
)

// OpenStream sends the head of the response with the first bytes: the prelude and what there is of
// the body. whole tells that nothing follows, and then everything leaves in one write.
func (r *Runtime) OpenStream(inv *Invocation, contentType string, prelude, first []byte, whole bool) (Stream, error) {
	r.out = r.appendHead(r.out[:0], inv, "/response")
	r.out = append(r.out, "lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\ntrailer: "+
		errorTypeTrailer+", "+errorBodyTrailer+"\r\ncontent-type: "...)
	r.out = append(append(r.out, contentType...), "\r\n\r\n"...)
	if size := len(prelude) + len(first); size > 0 {
		r.out = appendChunkSize(r.out, size)
		r.out = append(append(append(r.out, prelude...), first...), "\r\n"...)
	}
	if whole {
		r.out = append(r.out, lastChunk...)
	}
	if err := r.connect(); err != nil {
		return Stream{}, err
	}
	r.looked = time.Time{}
	if _, err := r.conn.Send(r.out, nil); err != nil {
		return Stream{}, r.broken("send the response", err)
	}
	return Stream{runtime: r, inv: inv}, nil
}

func appendChunkSize(dst []byte, size int) []byte {
	return append(strconv.AppendInt(dst, int64(size), 16), "\r\n"...)
}

// Write sends a piece of the body at once. An error means that nobody reads any more: the client
// has left.
func (s Stream) Write(piece []byte) error {
	r := s.runtime
	if now := time.Now(); now.Sub(r.looked) >= lookEvery {
		r.looked = now
		if !r.conn.Silent() {
			r.conn.Close()
			return errors.New("send the response: the Runtime API stopped reading, the client has probably left")
		}
	}
	r.out = appendChunkSize(r.out[:0], len(piece))
	var err error
	if len(piece) <= smallPiece {
		r.out = append(append(r.out, piece...), "\r\n"...)
		_, err = r.conn.Write(r.out, nil)
	} else {
		_, err = r.conn.WriteChunk(r.out, piece)
	}
	if err != nil {
		return r.broken("send the response", err)
	}
	return nil
}

// Close ends the response. whole tells that OpenStream has sent the end already.
func (s Stream) Close(whole bool) error {
	if !whole {
		if _, err := s.runtime.conn.Write([]byte(lastChunk), nil); err != nil {
			return s.runtime.broken("end the response", err)
		}
	}
	return s.runtime.readPosted(s.inv, "end the response", nil)
}

// Fail ends the response with an error, in trailers, so that the client does not take what it has
// for everything.
func (s Stream) Fail(f *failure.Failure) error {
	r := s.runtime
	r.out = append(r.out[:0], "0\r\n"+errorTypeTrailer+": "...)
	r.out = append(append(r.out, f.Type...), "\r\n"+errorBodyTrailer+": "...)
	r.out = base64.StdEncoding.AppendEncode(r.out, appendError(nil, f))
	r.out = append(r.out, "\r\n\r\n"...)
	if _, err := r.conn.Write(r.out, nil); err != nil {
		return r.broken("end the response with an error", err)
	}
	return r.readPosted(s.inv, "end the response with an error", nil)
}
