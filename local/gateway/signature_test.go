package gateway

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestPublishedSignatures verifies the requests of AWS's Signature Version 4 test suite with the signatures published
// for them. They are for a service named "service".
func TestPublishedSignatures(t *testing.T) {
	const (
		empty = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" // of GET /
		post  = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" // of POST /
		token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/" +
			"qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7" +
			"ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
		all = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	)
	for _, check := range []struct{ name, line, headers, body, signedHeaders, signature string }{
		{"get-vanilla", "GET /", "", "", "host;x-amz-date", empty},
		{"get-header-key-duplicate", "GET /", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "",
			"host;my-header1;x-amz-date",
			"c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{"get-header-value-order", "GET /",
			"My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "",
			"host;my-header1;x-amz-date",
			"08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		{"get-header-value-trim", "GET /", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "",
			"host;my-header1;my-header2;x-amz-date",
			"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"get-unreserved", "GET /" + all, "", "", "host;x-amz-date",
			"07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{"get-utf8", "GET /ሴ", "", "", "host;x-amz-date",
			"8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		{"get-vanilla-empty-query-key", "GET /?Param1=value1", "", "", "host;x-amz-date",
			"a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
		{"get-vanilla-query-order-key", "GET /?Param1=value2&Param1=Value1", "", "", "host;x-amz-date",
			"eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
		{"get-vanilla-query-order-key-case", "GET /?Param2=value2&Param1=value1", "", "", "host;x-amz-date",
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-query-order-value", "GET /?Param1=value2&Param1=value1", "", "", "host;x-amz-date",
			"5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
		{"get-vanilla-query-unreserved", "GET /?" + all + "=" + all, "", "", "host;x-amz-date",
			"9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{"get-vanilla-utf8-query", "GET /?ሴ=bar", "", "", "host;x-amz-date",
			"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{"post-vanilla", "POST /", "", "", "host;x-amz-date", post},
		{"post-header-key-sort", "POST /", "My-Header1:value1\n", "", "host;my-header1;x-amz-date",
			"c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
		{"post-header-value-case", "POST /", "My-Header1:VALUE1\n", "", "host;my-header1;x-amz-date",
			"cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
		{"post-vanilla-query", "POST /?Param1=value1", "", "", "host;x-amz-date",
			"28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
		{"post-x-www-form-urlencoded", "POST /",
			"Content-Type:application/x-www-form-urlencoded\nContent-Length:13\n", "Param1=value1",
			"content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"post-x-www-form-urlencoded-parameters", "POST /",
			"Content-Type:application/x-www-form-urlencoded; charset=utf8\nContent-Length:13\n", "Param1=value1",
			"content-type;host;x-amz-date", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
		{"post-sts-header-before", "POST /", "X-Amz-Security-Token:" + token + "\n", "",
			"host;x-amz-date;x-amz-security-token",
			"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
		{"post-sts-header-after", "POST /", "X-Amz-Security-Token:" + token + "\n", "", "host;x-amz-date", post},
		{"get-relative", "GET /example/..", "", "", "host;x-amz-date", empty},
		{"get-relative-relative", "GET /example1/example2/../..", "", "", "host;x-amz-date", empty},
		{"get-slash", "GET //", "", "", "host;x-amz-date", empty},
		{"get-slash-dot-slash", "GET /./", "", "", "host;x-amz-date", empty},
		{"get-slashes", "GET //example//", "", "", "host;x-amz-date",
			"9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{"get-slash-pointless-dot", "GET /./example", "", "", "host;x-amz-date",
			"ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
	} {
		t.Run(check.name, func(t *testing.T) {
			text := check.line + " HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\n" +
				check.headers +
				"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" +
				check.signedHeaders + ", Signature=" + check.signature + "\n\n"
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n") +
				check.body)))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(r.Body)
			g, err := newGuard(guardConfig{
				service: "service", region: "us-east-1", now: func() time.Time {
					return time.Date(2015, 8, 30, 12, 36,
						0, 0, time.UTC)
				},
				principals: []Principal{{AccessKeyID: "AKIDEXAMPLE",
					SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
					SessionToken:    r.Header.Get("X-Amz-Security-Token")}},
			})
			if err != nil {
				t.Fatal(err)
			}
			path, query, _ := strings.Cut(r.RequestURI, "?")
			if _, failed := g.identify(r, path, query, body); failed != nil {
				t.Error(failed.cause)
			}
		})
	}
}

func TestNormalizePath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "//": "/", "/a//b/": "/a/b/", "/a/./b": "/a/b", "/a/../..": "/", "/../a": "/a", "/a/..": "/",
		"/%2E%2E/a": "/%2E%2E/a",
	} {
		if got := normalizePath(path); got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
	}
}
