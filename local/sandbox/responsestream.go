package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Response streaming: the caller's Stream takes the response while the runtime writes it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

func (e *execution) isStreamed() bool {
	e.streamMu.Lock()
	defer e.streamMu.Unlock()
	return e.Stream != nil
}

// streamChunks are the buffers between runtime and caller.
var streamChunks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// takeStream passes the response on piece by piece. A caller that has gone does not end the
// function: the rest is read and dropped, as on Lambda.
func (sb *sandbox) takeStream(c *conn, r *http.Request, e *execution) {
	limit := sb.cfg.Limits.Response
	if streams(r) {
		limit = sb.cfg.Limits.StreamedResponse
	}
	err := sb.copyStream(e, r.Body, limit)
	errorType, document := trailerError(r)
	switch {
	case errors.Is(err, errTooLong):
		sb.settle(e, Result{Payload: tooLargeDocument(limit)}, responseTooLarge)
		io.Copy(io.Discard, r.Body)
		c.refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit))
	case err != nil:
		sb.settle(e, Result{Payload: truncated(e)}, truncatedResponse)
		c.refuse(http.StatusBadRequest, truncatedResponse, "The response was cut off: "+err.Error())
	default:
		sb.settle(e, Result{Payload: document}, errorType)
		c.accept()
	}
}

func (sb *sandbox) copyStream(e *execution, body io.Reader, limit int) error {
	chunk := streamChunks.Get().(*[32 << 10]byte)
	defer streamChunks.Put(chunk)
	for {
		n, err := body.Read(chunk[:])
		if limit -= n; limit < 0 {
			return errTooLong
		}
		if n > 0 {
			sb.observePiece(e, chunk[:n])
			e.pass(chunk[:n])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pass hands a piece to the caller while the caller is still there.
func (e *execution) pass(piece []byte) {
	e.streamMu.Lock()
	defer e.streamMu.Unlock()
	if e.Stream == nil {
		return
	}
	if _, err := e.Stream.Write(piece); err != nil {
		e.Stream = nil
	}
}
