package request

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"lambda-web/adapter/internal/event"
)

const frontSecret = "3d2b1c0f9e8d7c6b5a49382716054f3e2d1c0b9a8f7e6d5c4b3a29180706f5e4"

// fronted is an app with a distribution in front, in the middle of a rotation of its secret.
func fronted() Options {
	options := plain
	options.PrefixHeader = true
	options.FrontDigests = [][32]byte{sha256.Sum256([]byte("the next one")), sha256.Sum256([]byte(frontSecret))}
	return options
}

// frontEvents are one request as each source has it, with the given header fields.
func frontEvents(t testing.TB, fields map[string][]string) map[string]string {
	t.Helper()
	single, joined := map[string]string{}, map[string]string{}
	for name, values := range fields {
		single[name], joined[name] = values[len(values)-1], strings.Join(values, ",")
	}
	rest := map[string]any{"resource": "/{proxy+}", "pathParameters": map[string]any{"proxy": "cart"},
		"path": "/cart", "httpMethod": "GET", "headers": single, "multiValueHeaders": fields,
		"requestContext": map[string]any{"resourcePath": "/{proxy+}", "httpMethod": "GET", "path": "/v1/cart",
			"domainName": "a1.execute-api.eu-central-1.amazonaws.com"}}
	events := map[string]any{
		"REST": rest,
		"HTTP API": map[string]any{"version": "2.0", "rawPath": "/cart", "headers": joined,
			"requestContext": map[string]any{"domainName": "a1.execute-api.eu-central-1.amazonaws.com",
				"http": map[string]any{"method": "GET", "path": "/v1/cart"}}},
		"ALB": map[string]any{"path": "/cart", "httpMethod": "GET", "multiValueHeaders": fields,
			"requestContext": map[string]any{"elb": map[string]any{"targetGroupArn": "x"}}},
	}
	encoded := map[string]string{}
	for source, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		encoded[source] = string(text)
	}
	return encoded
}

func composeRequest(t *testing.T, options Options, payload string) (*http.Request, *Composer) {
	t.Helper()
	wire, c, err := compose(t, options, payload)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ToLower(wire), []byte(frontSecret)) {
		t.Errorf("the app gets the secret: %s", wire)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		t.Fatalf("%v in %q", err, wire)
	}
	return r, c
}

// A request of the distribution's reaches the app as the browser made it, from every source.
func TestFront(t *testing.T) {
	for source, payload := range frontEvents(t, map[string][]string{
		"Host": {"a1.execute-api.eu-central-1.amazonaws.com"}, "X-Lambda-Web-Front": {frontSecret},
		"X-Forwarded-Host": {"shop.example.com"}, "X-Forwarded-For": {"203.0.113.9, 192.0.2.1, 198.51.100.7"},
		"X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {"443"}, "Via": {"2.0 x.cloudfront.net (CloudFront)"},
		"Forwarded": {"host=evil.example"}, "X-Forwarded-Prefix": {"/evil"}, "Script_Name": {"/evil"},
	}) {
		for _, modes := range []Options{fronted(), {PrefixInPath: true}, {}} {
			options := fronted()
			options.PrefixHeader, options.PrefixInPath = modes.PrefixHeader, modes.PrefixInPath
			r, c := composeRequest(t, options, payload)
			if r.RequestURI != "/cart" || r.Host != "shop.example.com" || len(c.Prefix) != 0 || c.PrefixInTarget {
				t.Errorf("%s: %s at %s with prefix %q", source, r.RequestURI, r.Host, c.Prefix)
			}
			for name, want := range map[string]string{
				"X-Forwarded-Host": "shop.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
				"X-Forwarded-For": "203.0.113.9, 192.0.2.1", "Via": "2.0 x.cloudfront.net (CloudFront)",
				"X-Forwarded-Prefix": "", "Script_name": "", "Forwarded": "", "X-Lambda-Web-Front": "",
			} {
				if got := strings.Join(r.Header.Values(name), "|"); got != want {
					t.Errorf("%s: %s is %q, want %q", source, name, got, want)
				}
			}
		}
	}
}

// The same event with a SCRIPT_NAME that the app's server would take.
func TestFrontScriptName(t *testing.T) {
	for source, payload := range frontEvents(t, map[string][]string{"X-Lambda-Web-Front": {frontSecret},
		"X-Forwarded-Host": {"shop.example.com"}}) {
		inv := invocation(payload)
		var e event.Event
		e.Scan(inv.Payload)
		c := NewComposer(fronted())
		c.ScriptName = true
		if err := c.Compose(&e, inv); err != nil || bytes.Contains(c.Head, []byte("SCRIPT_NAME")) ||
			string(c.Target) != "/cart" {
			t.Errorf("%s: %v %q", source, err, c.Head)
		}
	}
}

// Nobody but the distribution may say for whom it speaks: without the secret a request is one of the stage's URL.
func TestForgedFront(t *testing.T) {
	const host, forged = "a1.execute-api.eu-central-1.amazonaws.com", "evil.example"
	rows := map[string]map[string][]string{
		"no secret":                      {},
		"another secret":                 {"X-Lambda-Web-Front": {"guess"}},
		"an empty one":                   {"X-Lambda-Web-Front": {""}},
		"the digest in its place":        {"X-Lambda-Web-Front": {digestText()}},
		"in capital letters":             {"X-Lambda-Web-Front": {strings.ToUpper(frontSecret)}},
		"with something behind it":       {"X-Lambda-Web-Front": {frontSecret + ","}},
		"twice":                          {"X-Lambda-Web-Front": {frontSecret, frontSecret}},
		"beside another":                 {"X-Lambda-Web-Front": {"guess", frontSecret}},
		"in two spellings":               {"X-Lambda-Web-Front": {frontSecret}, "x-lambda-web-front": {frontSecret}},
		"in another spelling":            {"X_Lambda_Web_Front": {frontSecret}},
		"without a host":                 {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": nil},
		"with two hosts":                 {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {forged, forged}},
		"with hosts in two spellings":    {"X-Lambda-Web-Front": {frontSecret}, "X-FORWARDED-HOST": {"b.example"}},
		"with a host that is a list":     {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"a.example, " + forged}},
		"with a host that is a URL":      {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"https://" + forged}},
		"with a host that ends the line": {"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"a\r\nx: " + forged}},
	}
	for name, fields := range rows {
		sent := map[string][]string{"Host": {host}, "X-Forwarded-Host": {forged}, "X_Forwarded_Host": {forged},
			"Forwarded": {"host=" + forged}, "X-Forwarded-For": {"203.0.113.9, 192.0.2.1"}, "X-Forwarded-Proto": {"https"}}
		for field, values := range fields {
			if sent[field] = values; values == nil {
				delete(sent, field)
			}
		}
		for source, payload := range frontEvents(t, sent) {
			r, c := composeRequest(t, fronted(), payload)
			wantPrefix := "/v1"
			if source == "ALB" {
				wantPrefix = ""
			}
			if r.Host != host || r.RequestURI != "/cart" || string(c.Prefix) != wantPrefix ||
				r.Header.Get("X-Forwarded-Prefix") != wantPrefix || r.Header.Get("X-Forwarded-For") != "203.0.113.9, 192.0.2.1" {
				t.Errorf("%s, %s: %s at %s, prefix %q, %v", name, source, r.RequestURI, r.Host, c.Prefix, r.Header)
			}
			for field, values := range r.Header {
				if strings.Contains(strings.Join(values, ""), forged) || strings.Contains(strings.ToLower(field), "front") {
					t.Errorf("%s, %s: the app is told %s: %q", name, source, field, values)
				}
			}
		}
	}
}

// Without the setting the fields mean nothing, and reach the app.
func TestNoFront(t *testing.T) {
	for source, payload := range frontEvents(t, map[string][]string{"Host": {"a1.example"},
		"X-Lambda-Web-Front": {"guess"}, "X-Forwarded-Host": {"b.example"}, "Forwarded": {"host=b.example"}}) {
		r, _ := composeRequest(t, plain, payload)
		if r.Host != "a1.example" || r.Header.Get("X-Forwarded-Host") != "b.example" ||
			r.Header.Get("Forwarded") == "" || r.Header.Get("X-Lambda-Web-Front") != "guess" {
			t.Errorf("%s: %s %v", source, r.Host, r.Header)
		}
	}
}

func TestFrontClientAddress(t *testing.T) {
	for _, row := range []struct {
		sent []string
		want string
	}{
		{nil, ""}, {[]string{"192.0.2.1"}, "192.0.2.1"}, {[]string{"192.0.2.1, 198.51.100.7"}, "192.0.2.1"},
		{[]string{"192.0.2.1,198.51.100.7"}, "192.0.2.1"}, {[]string{"2001:db8::1, 198.51.100.7"}, "2001:db8::1"},
		{[]string{"10.0.0.1", "192.0.2.1, 198.51.100.7"}, "10.0.0.1, 192.0.2.1"},
		{[]string{"10.0.0.1, 192.0.2.1", "198.51.100.7"}, "10.0.0.1, 192.0.2.1"},
	} {
		fields := map[string][]string{"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"shop.example.com"}}
		if row.sent != nil {
			fields["X-Forwarded-For"] = row.sent
		}
		for _, source := range []string{"REST", "ALB"} {
			r, _ := composeRequest(t, fronted(), frontEvents(t, fields)[source])
			if got := strings.Join(r.Header.Values("X-Forwarded-For"), "|"); got != row.want {
				t.Errorf("%s: %q became %q, want %q", source, row.sent, got, row.want)
			}
		}
	}
}

// What is passed on as it is keeps its bytes, but for the secret.
func TestFrontSecretInPassedOnEvents(t *testing.T) {
	hidden := strings.Repeat("*", len(frontSecret))
	for _, event := range []string{
		`{"type":"REQUEST","methodArn":"arn:x","httpMethod":"GET","headers":{"X-Lambda-Web-Front":"%","a":"b"},"multiValueHeaders":{"x-lambda-web-front":["%","%"],"a":["b"]}}`,
		`{"version":"2.0","type":"REQUEST","routeArn":"arn:x","headers":{"x_lambda_web_front":"%"},"requestContext":{"http":{"method":"GET"}}}`,
		`{"headers":{"X-Lambda-Web-Front" : "%"},"requestContext":{"connectionId":"x","eventType":"CONNECT"}}`,
		`{"headers":{"\u0058-Lambda-Web-Front":["%"]}}`,
	} {
		wire, c, err := compose(t, fronted(), strings.ReplaceAll(event, "%", frontSecret))
		if err != nil || string(c.Target) != "/events" {
			t.Fatalf("%v %s", err, c.Target)
		}
		_, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		if want := strings.ReplaceAll(event, "%", hidden); string(body) != want {
			t.Errorf("%s, want %s", body, want)
		}
		if wire, _, _ = compose(t, plain, event); !bytes.HasSuffix(wire, []byte(event)) {
			t.Errorf("without the setting the event is another one: %s", wire)
		}
	}
}

func TestIsHost(t *testing.T) {
	for _, host := range []string{"a", "shop.example.com", "shop.example.com:8443", "127.0.0.1:3001", "[::1]",
		"[2001:db8::1]:3001",
		"d111111abcdef8.cloudfront.net", "xn--bcher-kva.example", "a_b.example", "EXAMPLE.com"} {
		if !isHost([]byte(host)) {
			t.Errorf("%q is no host", host)
		}
	}
	for _, text := range []string{"", ":80", "a:b", "a b", "a/b", "a@b", "a,b", "a?b", "a#b", "a\\b", "::1",
		"[::1", "::1]", "[]", "[]:80",
		"a\r\nb", "a\x00", "bücher.example", "a:80:80", "[a]b", "http://a", strings.Repeat("a", 256)} {
		if isHost([]byte(text)) {
			t.Errorf("%q is a host", text)
		}
	}
}

func BenchmarkComposeFront(b *testing.B) {
	events := frontEvents(b, map[string][]string{"Host": {"a1.execute-api.eu-central-1.amazonaws.com"},
		"Accept":             {"text/html"},
		"X-Lambda-Web-Front": {frontSecret}, "X-Forwarded-Host": {"shop.example.com"},
		"X-Forwarded-For": {"192.0.2.1, 198.51.100.7"}, "X-Forwarded-Proto": {"https"}})
	inv := invocation(events["REST"])
	var e event.Event
	e.Scan(inv.Payload)
	c := NewComposer(fronted())
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Compose(&e, inv); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzFront: whatever the fields are, a request without the secret names the event's host, and one with it a host
// that is one; the secret reaches the app in neither.
func FuzzFront(f *testing.F) {
	f.Add(frontSecret, "shop.example.com", "1.1.1.1, 2.2.2.2", "forwarded", uint8(0))
	f.Add("x", "a\r\nb", ",", "X_Lambda_Web_Front", uint8(1))
	f.Fuzz(func(t *testing.T, secret, host, forwardedFor, name string, kind uint8) {
		events := frontEvents(t, map[string][]string{name: {secret, host}, "Host": {"api.example"},
			"X-Forwarded-For":    {forwardedFor},
			"X-Lambda-Web-Front": {secret}, "X-Forwarded-Host": {host}})
		payload := events[[]string{"REST", "HTTP API", "ALB"}[kind%3]]
		wire, _, err := compose(t, fronted(), payload)
		if err != nil {
			return
		}
		r := readStrictly(t, wire)
		if r.count["x-lambda-web-front"] != 0 || r.count["forwarded"] != 0 || r.count["x-forwarded-host"] > 1 {
			t.Fatalf("%q", wire)
		}
		_, line, _ := strings.Cut(string(wire), "host: ")
		if got, _, _ := strings.Cut(line, "\r\n"); got != "api.example" && (got != host || secret != frontSecret) &&
			!strings.EqualFold(name, "host") {
			t.Fatalf("host %q with the secret %q", got, secret)
		}
	})
}

func digestText() string {
	const digits = "0123456789abcdef"
	var text []byte
	for _, b := range sha256.Sum256([]byte(frontSecret)) {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}
