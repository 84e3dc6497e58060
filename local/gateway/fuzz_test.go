package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"lambda-web/local/sandbox"
)

// requestOf is a request as net/http would hand it over.
func requestOf(method, target string, header http.Header) *http.Request {
	return &http.Request{Method: method, RequestURI: target, Proto: "HTTP/1.1", Host: "api.example.com",
		RemoteAddr: "127.0.0.1:5", Header: header,
		Body: http.NoBody}
}

// FuzzEvent: whatever the client sends, the event is valid JSON, and the path in it has the client's bytes.
func FuzzEvent(f *testing.F) {
	f.Add("a/b%20c", "a=1&a=2;b=%zz+%F0%9F%99%82", "X-A", "v", "Root=1-a;Parent=b")
	f.Add("/\xff//", "=&&=&\x00=\xfe", "Cookie", "a=\"b\\\x01", "")
	f.Add("", "%", "Authorization", "AWS4-HMAC-SHA256 x", ";=;")
	api, err := New(testConfig(echo))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, query, name, value, trace string) {
		if strings.ContainsAny(path, "?") {
			return
		}
		header := http.Header{http.CanonicalHeaderKey(name): {value, value}}
		if trace != "" {
			header["X-Amzn-Trace-Id"] = []string{trace}
		}
		x := api.newExchange(nil, requestOf("GET", "/v1/"+path+"?"+query, header))
		if failed := x.route(); failed != nil {
			return // X-HTTP-Method-Override
		}
		body := []byte(value)
		text := x.appendEvent(nil, body)
		var e struct {
			Path                  string
			MultiValueHeaders     map[string][]string
			QueryStringParameters map[string]string
			RequestContext        struct{ Path string }
		}
		if !utf8.Valid(text) || json.Unmarshal(text, &e) != nil {
			t.Fatalf("not JSON: %q", text)
		}
		want := strings.ToValidUTF8(path, "")
		if want == path && (strings.Trim(e.Path, "/") != strings.Trim(path, "/") || e.RequestContext.Path != "/v1/"+
			path) {
			t.Errorf("path %q and context path %q of %q", e.Path, e.RequestContext.Path, path)
		}
		for _, parameter := range parseQuery(query) {
			if utf8.ValidString(parameter.name) && strings.ToValidUTF8(parameter.values[len(parameter.values)-1], "") ==
				parameter.values[len(parameter.values)-1] &&
				e.QueryStringParameters[parameter.name] != parameter.values[len(parameter.values)-1] {
				t.Errorf("parameter %q is %q", parameter.name, e.QueryStringParameters[parameter.name])
			}
		}
	})
}

// FuzzAnswer: whatever a function returns, the client gets one well-formed response.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":"201","headers":{"a":"b","Content-Type":"text/html"},"multiValueHeaders":{"A":["c","d"]},"body":"x","isBase64Encoded":false}`))
	f.Add([]byte(`{"headers":{"a":"b\r\nSet-Cookie: c=d"}}`))
	f.Add([]byte(`{"statusCode":1e3,"body":null,"isBase64Encoded":"TRUE"}`))
	f.Add([]byte(`{"statusCode":204,"multiValueHeaders":{"":[null,1,true]}}`))
	f.Add([]byte("{\"statusCode\":200}\x00\x00\x00\x00\x00\x00\x00\x00body"))
	var payload []byte
	api, err := New(testConfig(function(func(_ context.Context, _ sandbox.Invocation) (sandbox.Result, error) {
		return sandbox.Result{Payload: payload}, nil
	})))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		payload = answer
		w := httptest.NewRecorder()
		api.ServeHTTP(w, requestOf("GET", "/v1", http.Header{}))
		if w.Code < 200 || w.Code > 999 {
			t.Errorf("status %d", w.Code)
		}
		if !json.Valid(answer) && w.Code != 502 {
			t.Errorf("status %d for what is not JSON", w.Code)
		}
		for name, values := range w.Header() {
			if !regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").MatchString(name) {
				t.Errorf("header name %q", name)
			}
			for _, value := range values {
				if strings.ContainsAny(value, "\r\n\x00") {
					t.Errorf("header value %q", value)
				}
			}
		}
	})
}

// FuzzJSONReader: the reader accepts what encoding/json accepts, and reads strings as it does.
func FuzzJSONReader(f *testing.F) {
	f.Add([]byte(` {"a":[1,-0.5e+3,true,null,"\ud83d\ude42\u00e9\n"],"b":{}} `))
	f.Add([]byte(`"a` + "\xff\xe2\x82" + `\ud800"`))
	f.Add([]byte(`[1,]`))
	f.Add([]byte(`01`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := jsonReader{data: text}
		err := r.skip()
		if err == nil {
			err = r.end()
		}
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: %v, encoding/json says valid: %v", text, err, json.Valid(text))
		}
		var want string
		if r = (jsonReader{data: text}); r.kind() == '"' && json.Unmarshal(text, &want) == nil {
			if got, err := r.text(); err != nil || string(got) != want {
				t.Errorf("%q reads %q, want %q (%v)", text, got, want, err)
			}
		}
	})
}

// FuzzString: any bytes make a JSON string that reads back.
func FuzzString(f *testing.F) {
	f.Add("a\"\\\x00\x1f\x7f\u2028\xff\xc3é")
	f.Fuzz(func(t *testing.T, s string) {
		text := appendString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || !utf8.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		if want := string([]rune(s)); got != want { // every bad byte is U+FFFD
			t.Errorf("%q reads back as %q, want %q", s, got, want)
		}
		if !bytes.Equal(text, appendString(nil, []byte(s))) {
			t.Errorf("bytes and strings differ for %q", s)
		}
	})
}

// FuzzAuthorization: any header is refused with valid JSON or is whole.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/20260710/eu-central-1/execute-api/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature=abc", "20260710T191904Z", "")
	f.Add("Bearer x", "",
		"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Signature=s&X-Amz-SignedHeaders=host&X-Amz-Date=d&X-Amz-Expires=x")
	f.Add("AWS4-HMAC-SHA256 Credential=,,=", "x", "X-Amz-Algorithm=")
	g, err := newGuard(guardConfig{service: "execute-api", region: testRegion, now: iamConfig(echo).Now,
		principals: []Principal{testUser}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		s, failed := parseAuthorization(authorization, date)
		if failed == nil && (s.value == "" || len(s.signedHeaders) == 0) {
			t.Errorf("half a signature passes: %+v", s)
		}
		r := requestOf("GET", "/v1?"+query, http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}})
		for range 2 {
			caller, refused := g.identify(r, "/v1", query, nil)
			if refused == nil || caller != nil && refused == nil {
				t.Fatalf("the signature of %q passes", authorization)
			}
			if !json.Valid([]byte(refused.body)) {
				t.Errorf("body %q", refused.body)
			}
			r.Header.Del("Authorization")
		}
	})
}

// FuzzWildcard compares with a regular expression.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**?*", "")
	f.Add("arn:aws:execute-api:*:*:id/v?/GET/*", "arn:aws:execute-api:eu:1:id/v1/GET/a/b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if !utf8.ValidString(pattern) || len(pattern) > 50 || strings.ContainsFunc(pattern+name,
			func(r rune) bool { return r > 127 }) {
			return // ? is a byte here and a character there
		}
		quoted := regexp.QuoteMeta(pattern)
		oracle := regexp.MustCompile(`(?s)^` + strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`) +
			`$`)
		if got, want := matchWildcard(pattern, name), oracle.MatchString(name); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, name, got, want)
		}
	})
}

// FuzzPolicy: a policy is refused or decides, and a deny of everything is never overruled.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"execute-api:*","Resource":["*"],"Condition":{"NotIpAddress":{"aws:SourceIp":"::1/64"}}}`), "192.0.2.1")
	f.Add([]byte(`{"Effect":"Deny","Principal":"*","NotAction":["a","b"],"NotResource":"?","Condition":{"BoolIfExists":{"aws:SecureTransport":true}}}`), "x")
	f.Fuzz(func(t *testing.T, text []byte, address string) {
		const deny = `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`
		p, err := parsePolicy([]byte(`{"Statement":[`+string(text)+`,`+deny+`]}`), resourcePolicy)
		if err != nil {
			return
		}
		r := permissionRequest{action: "execute-api:Invoke", resource: "arn:x",
			keys: map[string]string{"aws:sourceip": address}}
		if got := p.decide(r, resourcePolicy); got != explicitDeny {
			t.Errorf("decision %d", got)
		}
	})
}

// FuzzDocument: any document is refused with a sentence or makes an API that answers.
func FuzzDocument(f *testing.F) {
	f.Add(documentText(proxyPaths(), anyBinary))
	f.Add(iamConfig(echo).Document)
	f.Add(corsConfig(f, "", new(atomic.Int32)).Document)
	f.Add(corsConfig(f, "*", new(atomic.Int32)).Document)
	f.Add([]byte(`{"openapi":"3.0.1","paths":{"/{a}/{b+}":{"get":null}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		config := testConfig(echo)
		config.Document, config.Principals = text, []Principal{testUser}
		api, err := New(config)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, requestOf("GET", "/v1/a/b", http.Header{}))
		mocked := slices.ContainsFunc(api.document.operations,
			func(o operation) bool { return o.integration.mock != nil })
		if w.Code != 200 && w.Code != 403 && !mocked {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}
