package gateway

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lambda-web/local/sandbox"
)

// browserHeaders are those of a usual request.
func browserHeaders() http.Header {
	return http.Header{
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		"Accept-Encoding": {"gzip, deflate, br, zstd"}, "Accept-Language": {"en-GB,en;q=0.9,de;q=0.8"},
		"Cache-Control": {"max-age=0"},
		"Cookie":        {"session=eyJ1c2VyIjoxfQ.Zk3x.abcdefghijklmnop; theme=dark"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Mode":            {"navigate"},
		"Upgrade-Insecure-Requests": {"1"},
		"User-Agent":                {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}
}

// blackhole is a response writer at no cost.
type blackhole struct{ header http.Header }

func (w blackhole) Header() http.Header         { return w.header }
func (w blackhole) Write(p []byte) (int, error) { return len(p), nil }
func (w blackhole) WriteHeader(int)             {}

const helloAnswer = `{"statusCode":200,"headers":{},"multiValueHeaders":{"Server":["gunicorn"],"Date":["Fri, 10 Jul 2026 19:19:04 GMT"],` +
	`"Content-Type":["application/json"],"Content-Length":["27"]},"body":"{\"message\":\"Hello, World!\"}","isBase64Encoded":false}`

// BenchmarkServe is everything the gateway does for a request, without sockets.
func BenchmarkServe(b *testing.B) {
	api, err := New(testConfig(returns(helloAnswer)))
	if err != nil {
		b.Fatal(err)
	}
	r := requestOf("GET", "/v1/api/hello?name=World", browserHeaders())
	b.ReportAllocs()
	for b.Loop() {
		api.ServeHTTP(blackhole{http.Header{}}, r)
	}
}

func BenchmarkEvent(b *testing.B) {
	for name, body := range map[string]string{"no_body": "", "4MB": strings.Repeat("a", 4<<20)} {
		b.Run(name, func(b *testing.B) {
			api, err := New(testConfig(echo))
			if err != nil {
				b.Fatal(err)
			}
			x := api.newExchange(nil, requestOf("GET", "/v1/api/hello?name=World&page=2", browserHeaders()))
			if failed := x.route(); failed != nil {
				b.Fatal(failed.cause)
			}
			payload := []byte(body)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				x.appendEvent(make([]byte, 0, x.eventSize(payload)), payload)
			}
		})
	}
}

// BenchmarkAnswer compares the reader with encoding/json.
func BenchmarkAnswer(b *testing.B) {
	large := `{"statusCode":200,"isBase64Encoded":true,"body":"` + base64.StdEncoding.EncodeToString(make([]byte,
		4<<20)) + `"}`
	for name, payload := range map[string][]byte{"hello": []byte(helloAnswer), "4MB": []byte(large)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseAnswer(payload, proxyAnswer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"_encoding_json", func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				var a struct {
					StatusCode        int
					Headers           map[string]string
					MultiValueHeaders map[string][]string
					Body              string
					IsBase64Encoded   bool
				}
				if err := json.Unmarshal(payload, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRoundTrip is one client on one connection: the gateway, and beside it net/http alone.
func BenchmarkRoundTrip(b *testing.B) {
	api, err := New(testConfig(returns(helloAnswer)))
	if err != nil {
		b.Fatal(err)
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w,
			`{"message":"Hello, World!"}`)
	})
	for name, handler := range map[string]http.Handler{"gateway": api, "net_http": bare} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(handler)
			defer server.Close()
			client := server.Client()
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequest("GET", server.URL+"/v1/api/hello?name=World", nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header = browserHeaders()
				response, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}

// BenchmarkIdentify verifies a signature whose canonical forms all differ.
func BenchmarkIdentify(b *testing.B) {
	var request *http.Request
	config := iamConfig(echo)
	server := serve(b, config)
	signed(b, server, "GET", "/v1/x//y?t=u+v&a=1", "", signing{after: func(r *http.Request) { request = r }})
	request.Host, request.ContentLength = request.URL.Host, 0
	g, err := newGuard(guardConfig{service: "execute-api", region: testRegion, account: testAccount, now: config.Now,
		principals: config.Principals})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, failed := g.identify(request, request.URL.EscapedPath(), request.URL.RawQuery, nil); failed != nil {
			b.Fatal(failed.cause)
		}
	}
}

var _ sandbox.Invoker = function(nil)
