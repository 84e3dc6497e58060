package event

import (
	"bytes"
	"encoding/json"
	"testing"

	"lambda-web/adapter/internal/rawjson"
)

func TestKind(t *testing.T) {
	rows := []struct {
		rule, payload string
		want          Kind
	}{
		{"2.0", `{"version":"2.0","requestContext":{"http":{"method":"GET"}}}`, V2},
		{"2.0 with members of odd types",
			`{"requestContext":{"http":{"method":"GET","path":7}},"headers":null,"body":[1]}`, V2},
		{"2.0 without a method", `{"version":"2.0","requestContext":{"http":{}}}`, PassThrough},
		{"ALB", `{"requestContext":{"elb":{}},"httpMethod":"GET"}`, ALB},
		{"ALB without a method", `{"requestContext":{"elb":{}}}`, PassThrough},
		{"REST", `{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`, V1},
		{"REST by resource path", `{"httpMethod":"","requestContext":{"resourcePath":"/"}}`, V1},
		{"REST, keys escaped", `{"http\u004dethod":"GET","requestContext":{"httpMeth\u006fd":"GET"}}`, V1},
		{"request authorizer of a REST API",
			`{"type":"REQUEST","methodArn":"a","httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`, PassThrough},
		{"request authorizer of an HTTP API",
			`{"type":"REQUEST","routeArn":"a","requestContext":{"http":{"method":"GET"}}}`, PassThrough},
		{"token authorizer", `{"type":"TOKEN","methodArn":"a","authorizationToken":"t"}`, PassThrough},
		{"a type without an ARN is the app's",
			`{"type":"REQUEST","httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`, V1},
		{"WebSocket", `{"httpMethod":"GET","requestContext":{"resourcePath":"/","connectionId":"c"}}`, PassThrough},
		{"Bedrock agent", `{"httpMethod":"GET","apiPath":"/x","messageVersion":"1.0"}`, PassThrough},
		{"Lattice v2", `{"version":"2.0","method":"GET","path":"/","requestContext":{"serviceArn":"a"}}`, Lattice},
		{"Lattice without its ARN", `{"version":"2.0","method":"GET","path":"/","requestContext":{}}`, PassThrough},
		{"Lattice v1",
			`{"raw_path":"/","method":"GET","headers":{},"query_string_parameters":{},"is_base64_encoded":false}`,
			Lattice},
		{"Lattice v1 without headers", `{"raw_path":"/","method":"GET"}`, PassThrough},
		{"like Lattice v1, with a context", `{"raw_path":"/","method":"GET","headers":{},"requestContext":{}}`,
			PassThrough},
		{"a method that is no text", `{"httpMethod":1,"requestContext":{"httpMethod":"GET"}}`, PassThrough},
		{"context of another type", `{"httpMethod":"GET","requestContext":null}`, PassThrough},
		{"queue", `{"Records":[{"eventSource":"aws:sqs"}]}`, PassThrough},
		{"not an object", `[1]`, PassThrough},
		{"nothing", ``, PassThrough},
		{"cut off", `{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}`, PassThrough},
		{"more behind it", `{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}} x`, PassThrough},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			var e Event
			e.Scan([]byte(row.payload))
			if e.Kind != row.want {
				t.Errorf("%v, want %v", e.Kind, row.want)
			}
		})
	}
}

func TestCanStream(t *testing.T) {
	rows := map[string]bool{
		`{"requestContext":{"http":{"method":"GET"},"domainName":"u.lambda-url.eu-west-1.on.aws"}}`:             true,
		`{"requestContext":{"http":{"method":"GET"},"domainName":"api.example.com"}}`:                           true,
		`{"requestContext":{"http":{"method":"GET"},"domainName":"a.execute-api.cn-north-1.amazonaws.com.cn"}}`: false,
		`{"httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`:                                            true,
		`{"version":"1.0","httpMethod":"GET","requestContext":{"httpMethod":"GET"}}`:                            false,
		`{"requestContext":{"elb":{}},"httpMethod":"GET"}`:                                                      false,
		`{"version":"2.0","method":"GET","requestContext":{"serviceArn":"a"}}`:                                  false,
	}
	for payload, want := range rows {
		var e Event
		e.Scan([]byte(payload))
		if got := e.CanStream(); got != want {
			t.Errorf("CanStream of %s is %v", payload, got)
		}
	}
}

// A payload is an HTTP event only if all of it is JSON; every member found is valid JSON of its own, and the payload
// is not touched.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"version":"2.0","rawPath":"/a","requestContext":{"http":{"method":"GET"}},"cookies":["a=1"],"body":"eA==","isBase64Encoded":true}`,
		`{"httpMethod":"GET","path":"/","headers":{"a":"b"},"requestContext":{"resourcePath":"/"}}`,
		`{"requestContext":{"elb":{}},"httpMethod":"GET"} x`, `{"httpMethod":"\u0047ET"`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		var e Event
		e.Scan(payload)
		if !bytes.Equal(before, payload) {
			t.Fatal("the payload was changed")
		}
		if e.Kind != PassThrough && !json.Valid(payload) {
			t.Fatalf("%v made of %q, which is no JSON", e.Kind, payload)
		}
		for _, v := range []rawjson.Value{e.Method, e.Path, e.RawQuery, e.Resource, e.PathParams, e.Headers,
			e.MultiHeaders, e.Params,
			e.MultiParams, e.Cookies, e.Body, e.Context, e.Domain} {
			if v != nil && !json.Valid(v) {
				t.Fatalf("member %q is no JSON", v)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	payload := []byte(`{"version":"2.0","routeKey":"$default","rawPath":"/api/hello","rawQueryString":"name=World","headers":{"host":"u1.lambda-url.us-east-1.on.aws","user-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","accept":"text/html,application/xhtml+xml","accept-encoding":"gzip, br","x-forwarded-for":"192.0.2.1","x-forwarded-proto":"https","x-forwarded-port":"443"},"requestContext":{"accountId":"anonymous","apiId":"u1","domainName":"u1.lambda-url.us-east-1.on.aws","domainPrefix":"u1","http":{"method":"GET","path":"/api/hello","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"t"},"requestId":"rf","routeKey":"$default","stage":"$default","time":"12/Mar/2026:19:03:58 +0000","timeEpoch":1773342238000},"isBase64Encoded":false}`)
	var e Event
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		e.Scan(payload)
	}
	if e.Kind != V2 {
		b.Fatal(e.Kind)
	}
}
