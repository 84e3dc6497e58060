package request

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/lambdaapi"
)

var plain = Options{AppAddress: "127.0.0.1:8080", PassThroughPath: "/events", RequestContext: true, LambdaContext: true,
	Function: Function{Name: "f", MemoryMB: 128, Version: "$LATEST"}}

func invocation(payload string) *lambdaapi.Invocation {
	return &lambdaapi.Invocation{ID: []byte("id1"), DeadlineMs: 1773342243000, ARN: []byte("arn:x"),
		Payload: []byte(payload)}
}

// compose returns the request's bytes.
func compose(t testing.TB, options Options, payload string) (wire []byte, c *Composer, err error) {
	t.Helper()
	inv := invocation(payload)
	var e event.Event
	e.Scan(inv.Payload)
	c = NewComposer(options)
	if err := c.Compose(&e, inv); err != nil {
		return nil, c, err
	}
	return append(bytes.Clone(c.Head), c.Body...), c, nil
}

func TestPath(t *testing.T) {
	rows := []struct{ path, base, want string }{
		{"", "", "/"}, {"x", "", "/x"}, {"/a b", "", "/a%20b"}, {"/100%", "", "/100%25"}, {"/%zz%41", "", "/%25zz%41"},
		{"/é", "", "/%C3%A9"}, {"/a?b#c", "", "/a%3Fb%23c"}, {"/a\r\nb", "", "/a%0D%0Ab"}, {"//a/./..", "", "//a/./.."},
		{"/!$&'()*+,;=:@-._~", "", "/!$&'()*+,;=:@-._~"}, {"/a\\b", "", "/a%5Cb"}, {"/%", "", "/%25"},
		{"/%4", "", "/%254"},
		{"/api", "/api", "/"}, {"/api/x", "/api", "/x"}, {"/apix", "/api", "/apix"}, {"/api/api", "/api", "/api"},
		{"/", "/api", "/"},
	}
	for _, row := range rows {
		if got := string(appendPath(nil, withoutBase([]byte(row.path), row.base))); got != row.want {
			t.Errorf("path %q without %q is %q, want %q", row.path, row.base, got, row.want)
		}
	}
}

func TestRequestLine(t *testing.T) {
	rows := []struct{ rule, payload, want string }{
		{"REST query is encoded",
			`{"httpMethod":"GET","path":"/","queryStringParameters":{"a":"x y","n":null,"i":7},"requestContext":{"resourcePath":"/"}}`, "GET /?a=x%20y&i=7 HTTP/1.1"},
		{"REST query, multi-value wins",
			`{"httpMethod":"GET","path":"/","queryStringParameters":{"a":"2"},"multiValueQueryStringParameters":{"a":["1","2"],"&=":["/"]},"requestContext":{"resourcePath":"/"}}`, "GET /?a=1&a=2&%26%3D=%2F HTTP/1.1"},
		{"ALB query stays",
			`{"httpMethod":"GET","path":"/","queryStringParameters":{"a":"%26 \n"},"requestContext":{"elb":{}}}`,
			"GET /?a=%26%20%0A HTTP/1.1"},
		{"Lattice query",
			`{"version":"2.0","method":"GET","path":"/","queryStringParameters":{"a":["%41","%"]},"requestContext":{"serviceArn":"x"}}`, "GET /?a=%41&a=%25 HTTP/1.1"},
		{"raw query stays",
			`{"rawPath":"/","rawQueryString":"a=%zz&b=\u0000\u00e9","requestContext":{"http":{"method":"GET"}}}`,
			"GET /?a=%zz&b=%00%C3%A9 HTTP/1.1"},
		{"no method", `{"httpMethod":"","path":"/","requestContext":{"resourcePath":"/"}}`, "GET / HTTP/1.1"},
		{"pass-through", `42`, "POST /events HTTP/1.1"},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			wire, _, err := compose(t, plain, row.payload)
			if err != nil {
				t.Fatal(err)
			}
			if line, _, _ := strings.Cut(string(wire), "\r\n"); line != row.want {
				t.Errorf("%s, want %s", line, row.want)
			}
		})
	}
}

// What stands before the app's path in the client's URL: in the header, or in the path, or not told at all.
func TestForwardedPrefix(t *testing.T) {
	rest := func(path, public string) string {
		return `{"httpMethod":"GET","path":"` + path +
			`","headers":{"X-Forwarded-Prefix":"/evil","x_forwarded_prefix":"/evil"},"requestContext":{"resourcePath":"/","path":"` + public + `","stage":"v1"}}`
	}
	http2 := func(path, public string) string {
		return `{"version":"2.0","rawPath":"` + path +
			`","headers":{"x-forwarded-prefix":"/evil","X_Forwarded-Prefix":"/evil"},"requestContext":{"stage":"v1","http":{"method":"GET","path":"` + public + `"}}}`
	}
	const alb = `{"httpMethod":"GET","path":"/shop/a","headers":{"x-forwarded-prefix":"/evil"},"requestContext":{"elb":{}}}`
	rows := []struct{ rule, payload, base, path, prefix, public string }{
		{"stage", rest("/a/b", "/v1/a/b"), "", "/a/b", "/v1", "/v1/a/b"},
		{"stage alone", rest("/", "/v1"), "", "/", "/v1", "/v1"},
		{"stage and slash", rest("/", "/v1/"), "", "/", "/v1", "/v1/"},
		{"the stage's name again in the path", rest("/v1", "/v1/v1"), "", "/v1", "/v1", "/v1/v1"},
		{"trailing slash", rest("/a/", "/v1/a/"), "", "/a/", "/v1", "/v1/a/"},
		{"slashes merged in one path only", rest("/a/", "/v1//a//"), "", "/a/", "/v1", "/v1//a//"},
		{"escapes", rest("/gr%C3%B6%C3%9Fe", "/v1/gr%C3%B6%C3%9Fe"), "", "/gr%C3%B6%C3%9Fe", "/v1",
			"/v1/gr%C3%B6%C3%9Fe"},
		{"domain without a base path", rest("/a", "/a"), "", "/a", "", "/a"},
		{"domain without a base path, its root", rest("/", "/"), "", "/", "", "/"},
		{"domain with a base path", rest("/shop/a", "/shop/a"), "/shop", "/a", "/shop", "/shop/a"},
		{"the root of a base path", rest("/shop", "/shop"), "/shop", "/", "/shop", "/shop"},
		{"the stage's URL of an API with a base path", rest("/a", "/v1/a"), "/shop", "/a", "/v1", "/v1/a"},
		{"base path behind a stage", rest("/shop/a", "/v1/shop/a"), "/shop", "/a", "/v1/shop", "/v1/shop/a"},
		{"paths that have nothing in common", rest("/a", "/other"), "", "/a", "", "/a"},
		{"half a segment", rest("a", "/v1/ba"), "", "/a", "", "/a"},
		{"a context without a path", `{"httpMethod":"GET","path":"/a","requestContext":{"resourcePath":"/"}}`, "",
			"/a", "", "/a"},
		{"a context whose path is no text",
			`{"httpMethod":"GET","path":"/a","requestContext":{"resourcePath":"/","path":null}}`, "", "/a", "", "/a"},
		{"a prefix that would end the line", rest("/a", `/v\r\nx: 1/a`), "", "/a", "/v%0D%0Ax:%201",
			"/v%0D%0Ax:%201/a"},
		{"HTTP API, the stage is in the path", http2("/v1/a", "/v1/a"), "", "/v1/a", "", "/v1/a"},
		{"HTTP API, the stage is taken off", http2("/v1/a", "/v1/a"), "/v1", "/a", "/v1", "/v1/a"},
		{"HTTP API, $default", http2("/a", "/a"), "", "/a", "", "/a"},
		{"load balancer", alb, "/shop", "/a", "/shop", "/shop/a"},
		{"Lattice", `{"version":"2.0","method":"GET","path":"/shop","requestContext":{"serviceArn":"x"}}`, "/shop",
			"/", "/shop", "/shop"},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			for _, mode := range []struct {
				name           string
				header, inPath bool
				path, prefix   string
			}{{"header", true, false, row.path, row.prefix}, {"path", false, true, row.public, ""}} {
				options := plain
				options.BasePath, options.PrefixHeader, options.PrefixInPath = row.base, mode.header, mode.inPath
				wire, _, err := compose(t, options, row.payload)
				if err != nil {
					t.Fatal(err)
				}
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
				if err != nil {
					t.Fatalf("%v in %q", err, wire)
				}
				if got := strings.Join(r.Header["X-Forwarded-Prefix"], "|"); r.RequestURI != mode.path ||
					got != mode.prefix {
					t.Errorf("%s: path %q and prefix %q, want %q and %q", mode.name, r.RequestURI, got, mode.path,
						mode.prefix)
				}
				if bytes.Contains(wire, []byte("evil")) {
					t.Errorf("%s: the client's own prefix reached the app: %q", mode.name, wire)
				}
			}
		})
	}
}

// A small body leaves with the head, in one write; a large one is not copied.
func TestBodyBesideHead(t *testing.T) {
	for _, size := range []int{0, 1, smallBody, smallBody + 1, 1 << 20} {
		body := strings.Repeat("x", size)
		_, c, err := compose(t, plain, `{"requestContext":{"http":{"method":"POST"}},"body":"`+body+`"}`)
		if err != nil {
			t.Fatal(err)
		}
		beside := 0
		if size > smallBody {
			beside = size
		}
		if len(c.Body) != beside || c.Size != size {
			t.Errorf("%d bytes: %d are beside the head, want %d", size, len(c.Body), beside)
		}
	}
}

// The event's resource and its variables tell what of the path is a domain's base path mapping.
func TestBasePathMapping(t *testing.T) {
	rows := []struct{ rule, resource, parameters, path, public, base, want, prefix string }{
		{"any path", "/{proxy+}", `{"proxy":"a/b"}`, "/shop/a/b", "/shop/a/b", "", "/a/b", "/shop"},
		{"any path, with a slash at its end", "/{proxy+}", `{"proxy":"a/b"}`, "/shop/a/b/", "/shop/a/b/", "", "/a/b/",
			"/shop"},
		{"the root", "/", `null`, "/shop", "/shop", "", "/", "/shop"}, {"the root and a slash", "/", `null`, "/shop/",
			"/shop/", "", "/", "/shop"},
		{"several levels", "/{proxy+}", `{"proxy":"x"}`, "/a/b/x", "/a/b/x", "", "/x", "/a/b"},
		{"variables and words", "/items/{id}/parts/{part}", `{"part":"p","id":"7"}`, "/shop/items/7/parts/p",
			"/shop/items/7/parts/p", "", "/items/7/parts/p", "/shop"},
		{"escapes", "/{proxy+}", `{"proxy":"gr%C3%B6%C3%9Fe"}`, "/shop/gr%C3%B6%C3%9Fe", "/shop/gr%C3%B6%C3%9Fe", "",
			"/gr%C3%B6%C3%9Fe", "/shop"},
		{"the mapping's name again in the path", "/{proxy+}", `{"proxy":"shop"}`, "/shop/shop", "/shop/shop", "",
			"/shop", "/shop"},
		{"no mapping", "/{proxy+}", `{"proxy":"a"}`, "/a", "/a", "", "/a", ""}, {"no mapping, the root", "/", `null`,
			"/", "/", "", "/", ""},
		{"the stage's URL", "/{proxy+}", `{"proxy":"a"}`, "/a", "/v1/a", "", "/a", "/v1"},
		{"taken off by a setting already", "/{proxy+}", `{"proxy":"a"}`, "/shop/a", "/shop/a", "/shop", "/a", "/shop"},
		{"by hand, no variables", "/{proxy+}", `null`, "/shop/a", "/shop/a", "", "/shop/a", ""},
		{"by hand, an empty variable", "/{proxy+}", `{"proxy":""}`, "/shop/a", "/shop/a", "", "/shop/a", ""},
		{"by hand, another path", "/{proxy+}", `{"proxy":"b"}`, "/shop/a", "/shop/a", "", "/shop/a", ""},
		{"by hand, a variable that is no text", "/{proxy+}", `{"proxy":{}}`, "/shop/a", "/shop/a", "", "/shop/a", ""},
		{"by hand, no slash", "x", `null`, "/shop/x", "/shop/x", "", "/shop/x", ""},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			payload := `{"resource":"` + row.resource + `","pathParameters":` + row.parameters +
				`,"httpMethod":"GET","path":"` + row.path +
				`","headers":{"SCRIPT_NAME":"/evil","script-name":"/evil","Script.Name":"/evil"},"requestContext":{"resourcePath":"/","path":"` + row.public + `"}}`
			options := plain
			options.BasePath, options.PrefixHeader = row.base, true
			c := NewComposer(options)
			for _, scriptName := range []bool{false, true} {
				c.ScriptName = scriptName
				var e event.Event
				e.Scan([]byte(payload))
				if err := c.Compose(&e, &lambdaapi.Invocation{ID: []byte("i")}); err != nil {
					t.Fatal(err)
				}
				r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Head)))
				if err != nil {
					t.Fatal(err)
				}
				target, name := row.want, ""
				if scriptName {
					target, name = row.prefix+row.want, row.prefix
				}
				if got := r.Header.Get("X-Forwarded-Prefix"); r.RequestURI != target || got != row.prefix ||
					string(c.Prefix) != row.prefix {
					t.Errorf("path %q and prefix %q, want %q and %q", r.RequestURI, got, target, row.prefix)
				}
				if got := strings.Join(r.Header["Script_name"], "|"); got != name || c.PrefixInTarget != (name != "") {
					t.Errorf("SCRIPT_NAME %q, want %q", got, name)
				}
				if bytes.Contains(c.Head, []byte("evil")) {
					t.Errorf("the client's own reached the app: %q", c.Head)
				}
			}
		})
	}
}

// Without the setting the header is the client's or another proxy's, as with the reference.
func TestForwardedPrefixOff(t *testing.T) {
	wire, _, err := compose(t, plain,
		`{"httpMethod":"GET","path":"/a","headers":{"X-Forwarded-Prefix":"/p"},"requestContext":{"resourcePath":"/","path":"/v1/a"}}`)
	if err != nil || !bytes.Contains(wire, []byte("\r\nx-forwarded-prefix: /p\r\n")) {
		t.Errorf("%v, %q", err, wire)
	}
}

func TestRefusedEvents(t *testing.T) {
	many := map[string]any{"requestContext": map[string]any{"http": map[string]any{"method": "GET"}}}
	headers := map[string]string{}
	for i := range 5000 {
		headers["x-"+strings.Repeat("a", i%50)+string(rune('a'+i%26))+strings.Repeat("b", i/50)] = "1"
	}
	many["headers"] = headers
	tooMany, _ := json.Marshal(many)
	for rule, payload := range map[string]string{
		"method with a space":    `{"requestContext":{"http":{"method":"GET /evil HTTP/1.1\r\nx:"}}}`,
		"method with a line end": `{"httpMethod":"GET\n","requestContext":{"resourcePath":"/"}}`,
		"body is not base64":     `{"body":"*","isBase64Encoded":true,"requestContext":{"http":{"method":"GET"}}}`,
		"too many headers":       string(tooMany),
	} {
		if _, _, err := compose(t, plain, payload); err == nil {
			t.Errorf("%s: no error", rule)
		}
	}
}

func TestFieldsOfARequest(t *testing.T) {
	rows := []struct {
		rule    string
		options func(*Options)
		payload string
		want    map[string][]string // nil: absent
	}{
		{"host is sent once", nil, `{"headers":{"Host":"a","host":"b"},"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"Host": {"a"}}},
		{"host from the domain", nil, `{"requestContext":{"domainName":"d.example.com","http":{"method":"GET"}}}`,
			map[string][]string{"Host": {"d.example.com"}}},
		{"values of other types", nil,
			`{"headers":{"a":1,"b":true,"c":null,"d":{},"e":["x",null,2]},"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"A": {"1"}, "B": {"true"}, "C": nil, "D": nil, "E": {"x", "2"}}},
		{"listed in connection", nil,
			`{"headers":{"connection":"X-Forwarded-For, authorization","X-Forwarded-For":"1","authorization":"2"},"requestContext":{"http":{"method":"GET"}}}`, map[string][]string{"Connection": nil, "X-Forwarded-For": {"1"}, "Authorization": {"2"}}},
		{"forged headers", nil,
			`{"headers":{"x-amzn-lambda-context":"a","x-amzn-request-context":"a","x-amz-tenant-id":"a"},"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"X-Amz-Tenant-Id": nil, "X-Amzn-Request-Context": {`{"http":{"method":"GET"}}`}}},
		{"authorization source", func(o *Options) { o.AuthorizationSource = "x-auth" },
			`{"headers":{"Authorization":"a","X-Auth":"b","x-auth":"c"},"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"Authorization": {"b"}, "X-Auth": nil}},
		{"cookies of the event replace the header", nil,
			`{"headers":{"cookie":"z=0"},"cookies":["a=1","b=2"],"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"Cookie": {"a=1; b=2"}}},
		{"ALB multi-value alone", nil,
			`{"httpMethod":"GET","headers":{"a":"1"},"multiValueHeaders":{"b":["2","3"]},"requestContext":{"elb":{}}}`, map[string][]string{"A": nil, "B": {"2", "3"}}},
		{"no context headers", func(o *Options) { o.RequestContext, o.LambdaContext = false, false },
			`{"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"X-Amzn-Request-Context": nil, "X-Amzn-Lambda-Context": nil}},
		{"a body that is JSON, not text", nil, `{"body":{"a":1},"requestContext":{"http":{"method":"POST"}}}`,
			map[string][]string{"Content-Length": {"7"}}},
		{"closing", func(o *Options) { o.CloseAfter = true }, `{"requestContext":{"http":{"method":"GET"}}}`,
			map[string][]string{"Connection": {"close"}}},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			options := plain
			if row.options != nil {
				row.options(&options)
			}
			wire, _, err := compose(t, options, row.payload)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
			if err != nil {
				t.Fatalf("%v in %q", err, wire)
			}
			r.Header["Host"] = []string{r.Host}
			if r.ContentLength > 0 {
				r.Header["Content-Length"] = []string{"7"}
			}
			if r.Close {
				r.Header["Connection"] = []string{"close"}
			}
			for name, want := range row.want {
				if got := r.Header[name]; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestAcceptsGzip(t *testing.T) {
	for value, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "*": true, "x-gzip": true, "deflate, gzip ; q=1.0": true,
		"": false, "br": false, "identity": false, "gzip;q=0": false, "gzip;q=0.000": false, "*;q=0": false,
		"gzip;q=0, *": false,
	} {
		if got := acceptsGzip([]byte(value)); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func BenchmarkCompose(b *testing.B) {
	payload := []byte(`{"version":"2.0","routeKey":"$default","rawPath":"/api/hello","rawQueryString":"name=World","headers":{"host":"u1.lambda-url.us-east-1.on.aws","user-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","accept":"text/html,application/xhtml+xml","accept-encoding":"gzip, br","x-forwarded-for":"192.0.2.1","x-forwarded-proto":"https","x-forwarded-port":"443"},"requestContext":{"accountId":"anonymous","apiId":"u1","domainName":"u1.lambda-url.us-east-1.on.aws","http":{"method":"GET","path":"/api/hello","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"t"},"requestId":"rf"},"isBase64Encoded":false}`)
	inv := invocation(string(payload))
	var e event.Event
	e.Scan(inv.Payload)
	c := NewComposer(plain)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Compose(&e, inv); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBase64Body1MB(b *testing.B) {
	body := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1, 2, 3, 4}, 256<<10))
	original := []byte(`{"requestContext":{"http":{"method":"POST"}},"isBase64Encoded":true,"body":"` + body + `"}`)
	payload := make([]byte, len(original))
	inv := invocation("")
	var e event.Event
	c := NewComposer(plain)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		copy(payload, original)
		e.Scan(payload)
		if err := c.Compose(&e, inv); err != nil {
			b.Fatal(err)
		}
	}
}
