package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

const preludeZeros = "\x00\x00\x00\x00\x00\x00\x00\x00"

// streamConfig is the proxy API with streaming integrations.
func streamConfig(f function) Config {
	config := testConfig(f)
	config.Document = bytes.ReplaceAll(bytes.ReplaceAll(config.Document, []byte(testURI), []byte(testStream)),
		[]byte(`"type":"aws_proxy"`), []byte(`"type":"aws_proxy","responseTransferMode":"STREAM"`))
	return config
}

// streams writes pieces and ends with a result.
func streams(result sandbox.Result, pieces ...string) function {
	return func(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		for _, piece := range pieces {
			if _, err := io.WriteString(in.Stream, piece); err != nil {
				break // the runtime writes on, into nothing
			}
		}
		return result, nil
	}
}

// receive reads a response that may be cut off.
func receive(t testing.TB, server *httptest.Server, method string) (*http.Response, string, error) {
	t.Helper()
	conn := dial(t, server)
	io.WriteString(conn, requestText(method, "/v1/x", ""))
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// TestCheck67_D_PiecesComeAtOnce: each piece is with the client before the function makes the next.
func TestCheck67_D_PiecesComeAtOnce(t *testing.T) {
	next := make(chan struct{})
	server := serve(t, streamConfig(func(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		io.WriteString(in.Stream,
			`{"statusCode":201,"headers":{"X-A":"1","Server":"gunicorn"},"cookies":["a=1","b=2"]}`+preludeZeros)
		for i := range 3 {
			<-next
			io.WriteString(in.Stream, "chunk "+strconv.Itoa(i))
		}
		<-next
		return sandbox.Result{}, nil
	}))
	conn := dial(t, server)
	io.WriteString(conn, requestText("GET", "/v1/x", ""))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	// The head is here and the function has not written any of the body yet.
	if response.StatusCode != 201 || response.Header.Get("X-A") != "1" || len(response.Header["Set-Cookie"]) != 2 ||
		response.Header.Get("x-amzn-Remapped-Server") != "gunicorn" || response.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
	if len(response.TransferEncoding) != 1 || response.TransferEncoding[0] != "chunked" {
		t.Errorf("transfer coding %v", response.TransferEncoding)
	}
	piece := make([]byte, len("chunk 0"))
	for i := range 3 {
		next <- struct{}{}
		if _, err := io.ReadFull(response.Body, piece); err != nil || string(piece) != "chunk "+strconv.Itoa(i) {
			t.Fatalf("%q %v", piece, err)
		}
	}
	next <- struct{}{}
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

// TestStreamHeads: where the metadata may be and what it may say.
func TestStreamHeads(t *testing.T) {
	function502 := sandbox.Result{FunctionError: "Unhandled", Payload: []byte(`{"errorType":"E"}`)}
	long := strings.Repeat(" ", 16<<10)
	for _, check := range []struct {
		name   string
		f      function
		status int
		body   string
	}{
		{"Check68_[D]_metadata_ends_at_16_KB", streams(sandbox.Result{}, "{}"+long[:16<<10-10]+preludeZeros+"b"), 200,
			"b"},
		{"Check68_[D]_metadata_ends_later", streams(sandbox.Result{}, "{}"+long[:16<<10-9]+preludeZeros+"b"), 502,
			malformedBody},
		{"Check68_[D]_metadata_is_no_JSON", streams(sandbox.Result{}, "statusCode"+preludeZeros+"b"), 502,
			malformedBody},
		{"Check68_[D]_no_metadata", streams(sandbox.Result{}, `{"statusCode":200,"body":"b"}`), 502, malformedBody},
		{"Check68_[D]_nothing_at_all", streams(sandbox.Result{}), 502, malformedBody},
		{"Check68_[D]_body_in_the_metadata", streams(sandbox.Result{}, `{"body":"b"}`+preludeZeros), 502,
			malformedBody},
		{"Check68_[?]_line_break_in_a_header", streams(sandbox.Result{}, `{"headers":{"a":"b\r\nc: d"}}`+
			preludeZeros), 502, malformedBody},
		{"Check68_[?]_line_break_in_a_cookie", streams(sandbox.Result{}, `{"cookies":["a=b\r\nc: d"]}`+preludeZeros),
			502, malformedBody},
		{"statusCode_[D]_is_optional", streams(sandbox.Result{}, `{}`+preludeZeros), 200, ""},
		{"pieces_[D]_of_one_byte", streams(sandbox.Result{}, strings.Split(`{"statusCode":203}`+preludeZeros+"abc",
			"")...), 203, "abc"},
		{"zeros_[D]_in_the_body", streams(sandbox.Result{}, `{}`+preludeZeros+preludeZeros), 200, preludeZeros},
		{"lists_[E]_in_headers", streams(sandbox.Result{}, `{"headers":{"set-cookie":["a=1","b=2"]}}`+preludeZeros),
			200, ""},
		{"error_[D]_before_the_metadata", streams(function502), 502, malformedBody},
		{"no_sandbox", func(context.Context, sandbox.Invocation) (sandbox.Result, error) {
			return sandbox.Result{}, sandbox.ErrThrottled
		}, 500, malformedBody},
	} {
		t.Run(check.name, func(t *testing.T) {
			response, body, err := receive(t, serve(t, streamConfig(check.f)), "GET")
			if err != nil || response.StatusCode != check.status || body != check.body {
				t.Errorf("%v, %q, %v", response, body, err)
			}
		})
	}
}

// TestCheck69_D_CutOff: what fails after the first piece shows as a body without an end.
func TestCheck69_D_CutOff(t *testing.T) {
	failing := sandbox.Result{FunctionError: "Unhandled", Payload: []byte(`{}`)}
	server := serve(t, streamConfig(streams(failing, "{}"+preludeZeros, "first")))
	response, body, err := receive(t, server, "GET")
	if response.StatusCode != 200 || body != "first" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d %q %v", response.StatusCode, body, err)
	}
}

func TestStreamOfHead(t *testing.T) {
	response, body, err := receive(t, serve(t, streamConfig(streams(sandbox.Result{}, "{}"+preludeZeros, "first"))),
		"HEAD")
	if err != nil || response.StatusCode != 200 || body != "" {
		t.Errorf("%v %q %v", response, body, err)
	}
}

// waits writes a piece and then nothing until the caller gives up.
func waits(piece string) function {
	return func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		io.WriteString(in.Stream, piece)
		<-ctx.Done()
		return sandbox.Result{}, ctx.Err()
	}
}

func TestStreamTimes(t *testing.T) {
	for _, check := range []struct {
		name   string
		piece  string
		change func(*Config)
		status int
		cut    bool
	}{
		{"idle_after_the_head", "{}" + preludeZeros, func(c *Config) { c.Limits.StreamIdle = 500 * time.Millisecond },
			200, true},
		{"idle_before_the_head", "{", func(c *Config) { c.Limits.StreamIdle = 50 * time.Millisecond }, 504, false},
		{"timeout_after_the_head", "{}" + preludeZeros, func(c *Config) {
			c.Document = bytes.ReplaceAll(c.Document,
				[]byte("29000"), []byte("500"))
		}, 200, true},
		{"timeout_before_the_head", "{", func(c *Config) {
			c.Document = bytes.ReplaceAll(c.Document, []byte("29000"),
				[]byte("50"))
		}, 504, false},
	} {
		t.Run(check.name, func(t *testing.T) {
			config := streamConfig(waits(check.piece))
			check.change(&config)
			response, _, err := receive(t, serve(t, config), "GET")
			if response.StatusCode != check.status || (err != nil) != check.cut {
				t.Errorf("status %d, %v", response.StatusCode, err)
			}
		})
	}
}

// TestStreamSlowsDown: the bytes above the free ones take their time.
func TestStreamSlowsDown(t *testing.T) {
	config := streamConfig(streams(sandbox.Result{}, "{}"+preludeZeros, strings.Repeat("a", 1000), strings.Repeat("b",
		2000)))
	config.Limits.StreamFreeBytes, config.Limits.StreamBytesPerSecond = 1000, 20000
	began := time.Now()
	_, body, err := receive(t, serve(t, config), "GET")
	if took := time.Since(began); err != nil || len(body) != 3000 || took < 90*time.Millisecond {
		t.Errorf("%d bytes in %v, %v", len(body), took, err)
	}
}

// TestStreamToADeafClient: a client that does not read holds nothing back once the stream has to end, and the function
// may go on writing into nothing.
func TestStreamToADeafClient(t *testing.T) {
	ended := make(chan error, 1)
	config := streamConfig(func(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		_, err := io.WriteString(in.Stream, "{}"+preludeZeros)
		for err == nil {
			_, err = in.Stream.Write(make([]byte, 1<<20))
		}
		_, err = in.Stream.Write([]byte("late"))
		ended <- err
		<-ctx.Done()
		return sandbox.Result{}, ctx.Err()
	})
	config.Limits.StreamIdle = 300 * time.Millisecond
	config.Limits.StreamBytesPerSecond = 1 << 40
	conn := dial(t, serve(t, config))
	io.WriteString(conn, requestText("GET", "/v1/x", ""))
	select {
	case err := <-ended:
		if !errors.Is(err, errStreamClosed) {
			t.Errorf("a late write: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream did not end")
	}
}

// TestConnectionAfterAStream takes another request on the same connection.
func TestConnectionAfterAStream(t *testing.T) {
	conn := dial(t, serve(t, streamConfig(streams(sandbox.Result{}, "{}"+preludeZeros, "body"))))
	from := bufio.NewReader(conn)
	for range 3 {
		io.WriteString(conn, requestText("GET", "/v1/x", ""))
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != "body" {
			t.Fatalf("%q %v", body, err)
		}
	}
}
