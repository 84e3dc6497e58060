package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// startSite serves a site whose origin is a handler, both on real sockets.
func startSite(t *testing.T, origin http.HandlerFunc, change func(*SiteConfig)) (address, originAddress string) {
	t.Helper()
	api := httptest.NewServer(origin)
	t.Cleanup(api.Close)
	transport := NewSiteTransport()
	t.Cleanup(transport.CloseIdleConnections)
	config := SiteConfig{ID: "E2EXAMPLE", Origin: api.Listener.Addr().String(), OriginPath: "/v1", TellsHost: true,
		Compress: true, Headers: http.Header{"x-lambda-web-front": {"secret"}}, Transport: transport}
	if change != nil {
		change(&config)
	}
	site := httptest.NewServer(NewSite(config))
	t.Cleanup(site.Close)
	return site.Listener.Addr().String(), api.Listener.Addr().String()
}

// say sends bytes to a server and reads one response.
func say(t *testing.T, address, request string) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	for err == nil && response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(in, &http.Request{Method: method})
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// What the origin gets of a viewer's request.
func TestSiteRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	address, origin := startSite(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}, nil)
	say(t, address, "POST //a%20b/../%C3%A9?x=1&y=%zz;z HTTP/1.1\r\nHost: shop.example.com:8443\r\n"+
		"Content-Length: 2\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nExpect: 100-continue\r\n"+
		"X-Real-IP: 1.1.1.1\r\n"+
		"X-HTTP-Method-Override: PUT\r\nX-Edge-Location: x\r\nX-Forwarded-Proto: http\r\nX-Forwarded-For: 203.0.113.9\r\n"+
		"X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nX-Forwarded-Prefix: /evil\r\n"+
		"X-Lambda-Web-Front: guess\r\nx-lambda-web-front: guess\r\nVia: 1.0 proxy\r\nX-Amz-Cf-Id: forged\r\n"+
		"Accept-Encoding: zstd, gzip;q=0.5, br\r\nAuthorization: Bearer x\r\nCookie: a=1; b=2\r\nUser-Agent: test\r\n"+
		"Referer: https://shop.example.com/\r\nIf-None-Match: \"x\"\r\nRange: bytes=0-1\r\n\r\nab")
	if got.RequestURI != "/v1//a%20b/../%C3%A9?x=1&y=%zz;z" || got.Host != origin || string(body) != "ab" ||
		got.Method != "POST" {
		t.Errorf("%s %s at %s with %q", got.Method, got.RequestURI, got.Host, body)
	}
	for name, want := range map[string]string{
		"X-Forwarded-Host": "shop.example.com:8443", "X-Forwarded-For": "203.0.113.9,127.0.0.1",
		"X-Lambda-Web-Front": "secret", "Via": "1.0 proxy|1.1 e2example.cloudfront.net (CloudFront)",
		"Accept-Encoding": "br,gzip", "Authorization": "Bearer x", "Cookie": "a=1; b=2", "User-Agent": "test",
		"Referer": "https://shop.example.com/", "If-None-Match": `"x"`, "Range": "bytes=0-1", "Content-Length": "2",
		"X-Hop": "", "Te": "", "Expect": "", "X-Real-Ip": "", "X-Http-Method-Override": "", "X-Edge-Location": "",
		"X-Forwarded-Proto": "", "Forwarded": "", "X-Forwarded-Prefix": "", "Connection": "",
	} {
		if value := strings.Join(got.Header.Values(name), "|"); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if id := got.Header.Get("X-Amz-Cf-Id"); len(id) != 56 {
		t.Errorf("X-Amz-Cf-Id is %q", id)
	}
	say(t, address, "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n\r\n")
	if got.RequestURI != "/v1/" || got.Header.Get("Accept-Encoding") != "" || got.Header.Get("User-Agent") != "" {
		t.Errorf("%s %v", got.RequestURI, got.Header)
	}
}

// Without a function at the edge nobody tells the viewer's host, and a viewer's own word passes.
func TestSiteWithoutFunction(t *testing.T) {
	var got http.Header
	address, _ := startSite(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header },
		func(c *SiteConfig) { c.TellsHost = false })
	say(t, address, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: b\r\nForwarded: host=b\r\n\r\n")
	if got.Get("X-Forwarded-Host") != "b" || got.Get("Forwarded") != "host=b" {
		t.Errorf("%v", got)
	}
}

func TestSiteResponse(t *testing.T) {
	address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/login")
		w.Header().Add("Set-Cookie", "a=1; Path=/cart")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Via", "1.1 app")
		w.Header().Set("Keep-Alive", "timeout=5")
		if r.URL.Path == "/v1/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
	}, nil)
	for path, cache := range map[string]string{"/": "Miss from cloudfront", "/missing": "Error from cloudfront"} {
		response, _ := say(t, address, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		for name, want := range map[string]string{
			"Location": "/login", "Set-Cookie": "a=1; Path=/cart|b=2", "X-Cache": cache, "X-Amz-Cf-Pop": "LOC50-P1",
			"Via": "1.1 app|1.1 e2example.cloudfront.net (CloudFront)", "Keep-Alive": "",
		} {
			if value := strings.Join(response.Header.Values(name), "|"); value != want {
				t.Errorf("%s: %s is %q, want %q", path, name, value, want)
			}
		}
		if id := response.Header.Get("X-Amz-Cf-Id"); len(id) != 56 {
			t.Errorf("X-Amz-Cf-Id is %q", id)
		}
	}
}

func TestSiteCompresses(t *testing.T) {
	type origin struct {
		status  int
		size    int
		chunked bool
		fields  map[string]string
	}
	html := map[string]string{"Content-Type": "text/html; charset=utf-8", "ETag": `"x"`}
	rows := map[string]struct {
		method, accept string
		origin         origin
		packed         bool
	}{
		"a page":                {"GET", "gzip, deflate, br", origin{size: 1000, fields: html}, true},
		"an error page":         {"GET", "gzip", origin{status: 404, size: 2000, fields: html}, true},
		"a small one":           {"GET", "gzip", origin{size: 999, fields: html}, false},
		"a large one":           {"GET", "gzip", origin{size: 10_000_000, fields: html}, true},
		"one that is too large": {"GET", "gzip", origin{size: 10_000_001, fields: html}, false},
		"another status":        {"GET", "gzip", origin{status: 500, size: 2000, fields: html}, false},
		"a stream":              {"GET", "gzip", origin{size: 2000, chunked: true, fields: html}, false},
		"an image": {"GET", "gzip",
			origin{size: 2000, fields: map[string]string{"Content-Type": "image/png"}}, false},
		"no type": {"GET", "gzip",
			origin{size: 2000, fields: map[string]string{"Content-Type": ""}}, false},
		"what is compressed already": {"GET", "gzip",
			origin{size: 2000, fields: map[string]string{"Content-Type": "text/css", "Content-Encoding": "br"}}, false},
		"for who takes none":         {"GET", "", origin{size: 2000, fields: html}, false},
		"for who refuses it":         {"GET", "gzip;q=0, identity", origin{size: 2000, fields: html}, false},
		"for who takes brotli alone": {"GET", "br", origin{size: 2000, fields: html}, false},
		"JSON of a POST": {"POST", "gzip",
			origin{size: 2000, fields: map[string]string{"Content-Type": "Application/JSON"}}, true},
		"HEAD": {"HEAD", "gzip", origin{size: 2000, fields: html}, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			body := bytes.Repeat([]byte("lambda "), row.origin.size/7+1)[:row.origin.size]
			address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
				for field, value := range row.origin.fields {
					w.Header().Set(field, value)
				}
				if !row.origin.chunked {
					w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				}
				if row.origin.status != 0 {
					w.WriteHeader(row.origin.status)
				}
				if row.origin.chunked {
					w.(http.Flusher).Flush()
				}
				w.Write(body)
			}, nil)
			response, got := say(t, address, row.method+" / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: "+row.accept+"\r\n\r\n")
			if packed := response.Header.Get("Content-Encoding") == "gzip"; packed != row.packed {
				t.Fatalf("compressed: %v, %v", packed, response.Header)
			}
			etag, vary := row.origin.fields["ETag"], ""
			if row.packed {
				unpacked, err := gzip.NewReader(bytes.NewReader(got))
				if err != nil {
					t.Fatal(err)
				}
				if got, err = io.ReadAll(unpacked); err != nil {
					t.Fatal(err)
				}
				vary = "Accept-Encoding"
				if etag != "" {
					etag = "W/" + etag
				}
			}
			if row.method != "HEAD" && !bytes.Equal(got, body) || response.Header.Get("Etag") != etag ||
				response.Header.Get("Vary") != vary {
				t.Errorf("%d bytes of %d, %v", len(got), len(body), response.Header)
			}
		})
	}
}

// Each piece of a stream passes before the next is there.
func TestSiteStreams(t *testing.T) {
	more := make(chan bool)
	address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		for range more {
			io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
		}
	}, nil)
	go func() { more <- true }()
	response, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	piece := make([]byte, 9)
	for range 3 {
		if _, err := io.ReadFull(response.Body, piece); err != nil {
			t.Fatal(err)
		}
		select {
		case more <- true:
		case <-time.After(time.Minute):
			t.Fatal("the origin does not go on")
		}
	}
	close(more)
	if rest, err := io.ReadAll(response.Body); string(rest) != "data: x\n\n" || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}

// A response that is cut off is cut off for the viewer, too.
func TestSiteCutOff(t *testing.T) {
	address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, nil)
	response, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "half" || err == nil {
		t.Errorf("%q %v", body, err)
	}
}

// A viewer that leaves lets the origin know.
func TestSiteViewerLeaves(t *testing.T) {
	left := make(chan struct{})
	address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(left)
	}, nil)
	ctx, leave := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	leave()
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Error("the origin still works for a viewer that has left")
	}
}

// What the distribution answers itself.
func TestSiteErrors(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	go func() { // an origin that hangs up on everybody
		for {
			conn, err := closed.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	away := func(c *SiteConfig) { c.Origin = closed.Addr().String() }
	slow := func(c *SiteConfig) { c.ReadTimeout = 100 * time.Millisecond }
	for name, row := range map[string]struct {
		request string
		change  func(*SiteConfig)
		status  int
	}{
		"GET with a body":       {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", nil, 403},
		"TRACE":                 {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", nil, 403},
		"a long URL":            {"GET /" + strings.Repeat("a", 8192) + " HTTP/1.1\r\nHost: a\r\n\r\n", nil, 413},
		"no path":               {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", nil, 400},
		"an origin that is off": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", away, 502},
		"a silent origin":       {"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", slow, 504},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := startSite(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/silent" {
					<-r.Context().Done()
				}
			}, row.change)
			response, body := say(t, address, row.request)
			if response.StatusCode != row.status || response.Header.Get("X-Cache") != "Error from cloudfront" ||
				!strings.Contains(string(body), fmt.Sprintf("%d ERROR", row.status)) ||
				!strings.Contains(string(body), response.Header.Get("X-Amz-Cf-Id")) {
				t.Errorf("%d %v %s", response.StatusCode, response.Header, body)
			}
		})
	}
}

// FuzzSite: whatever a viewer names, the origin gets one request below its path, with the distribution's fields alone.
func FuzzSite(f *testing.F) {
	f.Add("/", "shop.example.com", "gzip")
	f.Add("/%2e%2e/a?b", "a:80", "br;q=0, gzip;q=x")
	f.Add("//x", "[::1]", ";,q=")
	f.Fuzz(func(t *testing.T, target, host, accept string) {
		in, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: " + host +
			"\r\nAccept-Encoding: " + accept + "\r\n\r\n")))
		if err != nil {
			return
		}
		in.RemoteAddr = "192.0.2.1:1"
		var wire bytes.Buffer
		site := NewSite(SiteConfig{ID: "E", Origin: "api.example", OriginPath: "/v1", TellsHost: true,
			Headers: http.Header{"X-Lambda-Web-Front": {"secret"}},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if err := r.Write(&wire); err != nil {
					return nil, err
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
			})})
		site.ServeHTTP(httptest.NewRecorder(), in)
		if wire.Len() == 0 {
			return
		}
		rest := bufio.NewReader(&wire)
		out, err := http.ReadRequest(rest)
		if err != nil {
			return // the transport would have refused it
		}
		if !strings.HasPrefix(out.RequestURI, "/v1/") || out.RequestURI != "/v1"+in.RequestURI || out.Host != "api.example" ||
			strings.Join(out.Header["X-Lambda-Web-Front"], "|") != "secret" || len(out.Header["X-Forwarded-Host"]) > 1 {
			t.Errorf("%q became %q, %v", target, out.RequestURI, out.Header)
		}
		if more, _ := io.ReadAll(rest); len(more) > 0 {
			t.Errorf("%q is behind the request", more)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
