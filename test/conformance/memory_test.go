package conformance

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"lambda-web/test/lambda"
)

// What a large invocation needed is given back to the system after the next small one, measured as
// resident memory: Lambda's limit counts the app's and the adapter's together.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the race detector has a memory of its own")
	}
	if os.Getenv("LAMBDA_WEB_TEST_ARCHITECTURE") != "" {
		t.Skip("the emulator of the other processor has a memory of its own")
	}
	text := bytes.Repeat([]byte(`{"id":12345,"text":"lorem ipsum dolor sit amet"}`+"\n"), 11<<17)
	rows := map[string]struct {
		compress, path string
		size           int
		event          string
		fails          bool
	}{
		"50 MB, compressed":          {compress: "true", size: 50 << 20},
		"50 MB, more than is taken":  {size: 50 << 20, fails: true},
		"chunks, more than is taken": {path: "/chunked", size: 20 << 20, fails: true},
		"5 MB of text":               {size: 5 << 20},
		"5 MB of text in chunks":     {path: "/chunked", size: 5 << 20},
		"an event with 4.5 MB":       {event: binaryEvent("POST", "/", randomBytes(4_500_000))},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.variables["AWS_LWA_ENABLE_COMPRESSION"] = row.compress
			e.app.OnRequest(func(x *lambda.Exchange) {
				body := text[:100]
				if x.Header.Has("x-large") {
					body = text[:row.size]
				}
				head := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
				if x.Path() == "/chunked" {
					_ = x.Write(head + "Transfer-Encoding: chunked\r\n\r\n" + lambda.Chunked(body, 60_000))
					return
				}
				_ = x.Write(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
			})
			e.startReady()
			small := func(count int) int {
				for range count {
					e.invoke(withHeader(HTTPEvent("GET", "/", ""), "accept-encoding", "gzip")).status(200)
				}
				usage, err := e.adapter.Usage()
				if err != nil {
					t.Fatal(err)
				}
				return usage.RSS
			}
			before := small(30)
			large := row.event
			if large == "" {
				path := row.path
				if path == "" {
					path = "/"
				}
				large = withHeader(withHeader(HTTPEvent("GET", path, ""), "accept-encoding", "gzip"), "x-large", "1")
			}
			if answer := e.invoke(large); row.fails {
				answer.failed("Function.ResponseSizeTooLarge", "6291556")
			} else {
				answer.status(200)
			}
			// The runtime keeps up to 4 MB for itself once it has collected garbage.
			if after := small(2); after > before+5<<10 {
				t.Errorf("%d KiB before, %d KiB after the large one and two small ones", before, after)
			}
		})
	}
}
