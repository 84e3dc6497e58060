package sandbox

import (
	"context"
	"errors"
	"io"
	"testing"
)

// recorder is a caller's stream that hands each piece to the test.
type recorder struct {
	pieces chan string
	gone   bool
}

func newRecorder() *recorder { return &recorder{pieces: make(chan string, 100)} }

func (r *recorder) Write(p []byte) (int, error) {
	if r.gone {
		return 0, errors.New("the client has gone")
	}
	r.pieces <- string(p)
	return len(p), nil
}

func (f *fixture) stream(t *testing.T, ctx context.Context, to io.Writer, event string) (<-chan Result, <-chan error) {
	t.Helper()
	results, errs := make(chan Result, 1), make(chan error, 1)
	go func() {
		r, err := f.Invoke(ctx, Invocation{Event: []byte(event), Stream: to})
		if err != nil {
			errs <- err
			return
		}
		results <- r
	}()
	return results, errs
}

// TestCheck67_D_ChunksPassAsTheyCome [D]: each chunk reaches the caller before the next is written.
func TestCheck67_D_ChunksPassAsTheyCome(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	to := newRecorder()
	result, _ := f.stream(t, t.Context(), to, `{"do":"stream","gates":["one","two","three"]}`)
	for _, chunk := range []string{"one", "two", "three"} {
		leave := f.gates.arrived(t, chunk)
		if got := receive(t, to.pieces); got != chunk {
			t.Fatalf("got the piece %q, want %q", got, chunk)
		}
		close(leave)
	}
	expect(t, receive(t, result), "", "")
	f.log.await(t, `streamed -> HTTP/1.1 202 Accepted$`)
}

// TestCheck69_D_ErrorTrailers [D]: an error after the first bytes, also without the streaming mode and
// for a buffered caller.
func TestCheck69_D_ErrorTrailers(t *testing.T) {
	const late = `{"errorMessage":"late"}`
	for _, c := range []struct {
		rule, how string
		stream    *recorder
	}{
		{"streamed", "fail", newRecorder()},
		{"streamed without mode", "fail plain", newRecorder()},
		{"buffered", "fail", nil},
		{"buffered without mode", "fail plain", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, nil, nil, "serve")
			var to io.Writer
			if c.stream != nil {
				to = c.stream
			}
			result, _ := f.stream(t, t.Context(), to, `{"do":"stream","arg":"`+c.how+`","gates":["one"]}`)
			close(f.gates.arrived(t, "one"))
			expect(t, receive(t, result), late, unhandled)
			f.log.await(t, `REPORT .*\tStatus: error\tError Type: Function.Late$`)
			expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
		})
	}
}

func TestBufferedCallerGetsTheWholeStream(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	result := f.start(t, `{"do":"stream","gates":["one","two"]}`)
	close(f.gates.arrived(t, "one"))
	close(f.gates.arrived(t, "two"))
	expect(t, receive(t, result), "onetwo", "")
}

func TestStreamingCallerGetsABufferedResponse(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	to := newRecorder()
	result, _ := f.stream(t, t.Context(), to, `{"n":1}`)
	expect(t, receive(t, result), "", "")
	if got := receive(t, to.pieces); got != `{"n":1}` {
		t.Errorf("got %q", got)
	}
}

func TestErrorBeforeTheStreamStarts(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	to := newRecorder()
	result, _ := f.stream(t, t.Context(), to, `{"do":"error","arg":"early"}`)
	expect(t, receive(t, result), "early", unhandled)
	if len(to.pieces) > 0 {
		t.Error("the stream was started")
	}
}

// TestClientLeavesDuringStream [D]: the function is not interrupted, and the stream of a caller that
// has gone is not touched again.
func TestClientLeavesDuringStream(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	ctx, cancel := context.WithCancel(context.Background())
	to := newRecorder()
	_, errs := f.stream(t, ctx, to, `{"do":"stream","gates":["one","two"]}`)
	one := f.gates.arrived(t, "one")
	receive(t, to.pieces)
	cancel()
	if err := receive(t, errs); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	to.gone = true // a write from now on is a data race or an error
	close(one)
	close(f.gates.arrived(t, "two"))
	f.log.await(t, `streamed -> HTTP/1.1 202 Accepted$`)
	if len(to.pieces) > 0 {
		t.Error("the stream was used after Invoke had returned")
	}
}

func TestSandboxClosesDuringStream(t *testing.T) {
	f := newFixture(t, nil, nil, "pid", "serve")
	to := newRecorder()
	_, errs := f.stream(t, t.Context(), to, `{"do":"stream","gates":["one"]}`)
	f.gates.arrived(t, "one")
	receive(t, to.pieces)
	f.Close(context.Background())
	if err := receive(t, errs); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := f.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStreamedResponsesMayBeLarger [D]: the 6 MB limit is for buffered responses.
func TestStreamedResponsesMayBeLarger(t *testing.T) {
	for _, how := range []string{"", "plain"} {
		f := newFixture(t, func(c *Config) { c.Limits.Response, c.Limits.StreamedResponse = 2, 7 }, nil, "serve")
		to := newRecorder()
		result, _ := f.stream(t, t.Context(), to, `{"do":"stream","arg":"`+how+`","gates":["seven77"]}`)
		close(f.gates.arrived(t, "seven77"))
		expect(t, receive(t, result), "", "")

		result, _ = f.stream(t, t.Context(), to, `{"do":"stream","arg":"`+how+`","gates":["eight888"]}`)
		close(f.gates.arrived(t, "eight888"))
		expect(t, receive(t, result),
			`{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (7 bytes)."}`, unhandled)
		f.log.await(t, `streamed -> HTTP/1.1 413 Request Entity Too Large$`)
	}
}
