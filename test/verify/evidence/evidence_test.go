package evidence

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the left has is not in the right; what says nothing of anybody stays.
func TestRedaction(t *testing.T) {
	r := NewRedaction(map[string]string{"abc123.example.net": "<host>", "abc123": "<api>", "": "<nothing>",
		"v1": "<x>"})
	for _, test := range []struct{ name, text, want string }{
		{"a known name", "https://abc123.example.net/v1 and abc123", "https://<host>/v1 and <api>"},
		{"a host of AWS", "xyz.execute-api.eu-central-1.amazonaws.com", "<host>"},
		{"an account", "arn:aws:lambda:eu-central-1:123456789012:function:f",
			"arn:aws:lambda:eu-central-1:<account>:function:f"},
		{"a masked account", "execute-api:eu-central-1:********9012:x", "execute-api:eu-central-1:<account>:x"},
		{"a principal", "User: arn:aws:sts::123456789012:assumed-role/admin/ada@example.com is not",
			"User: <principal> is not"},
		{"a key", "Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/execute-api/aws4_request",
			"Credential=<key>/<day>/eu-central-1/execute-api/aws4_request"},
		{"a role's session", `"caller":"AROAIOSFODNN7EXAMPLE:ada"`, `"caller":"<account>"`},
		{"a key's id", "AROAIOSFODNN7EXAMPLE:ada", "<key>"},
		{"a signature", "Signature=" + strings.Repeat("0f", 32), "Signature=<secret>"},
		{"a presigned request", "/x?X-Amz-Credential=AK%2F1&X-Amz-Signature=0f&X-Amz-Security-Token=IQo%3D&a=1",
			"/x?X-Amz-Credential=<secret>&X-Amz-Signature=<secret>&X-Amz-Security-Token=<secret>&a=1"},
		{"a request's id", "RequestId: 6c2daa32-60c0-4a62-9b96-7a2ffe5d7603 Version", "RequestId: <uuid> Version"},
		{"a trace", "Root=1-5e1b4151-5ac6c58f5b5daa3d4e5f6a7b;Parent=5ac6c58f5b5daa3d;Sampled=0;Lineage=1:a1b2:0",
			"Root=<trace>;Parent=<segment>;Sampled=0;Lineage=<lineage>"},
		{"ids within JSON", `{"apiId":"a1","extendedRequestId":"Jx=","resourceId":"q9","accountId":"1","apiKey":null}`,
			`{"apiId":"<id>","extendedRequestId":"<id>","resourceId":"<id>","accountId":"<account>","apiKey":null}`},
		{"the same within JSON's text", `"{\"domainPrefix\":\"a1\",\"userArn\":\"x\",\"user\":null}"`,
			`"{\"domainPrefix\":\"<id>\",\"userArn\":\"<account>\",\"user\":null}"`},
		{"addresses", "203.0.113.7, 2001:db8:0:1:2:3:4:5 and 127.0.0.1:26015", "<address>, <address> and <address>"},
		{"times", `"requestTime":"29/Nov/2026:02:01:49 +0000","requestTimeEpoch":1795916509123 20261129T020149Z`,
			`"requestTime":"<time>","requestTimeEpoch":<epoch> <time>`},
		{"what had to be signed",
			`'AWS4-HMAC-SHA256\n20261129T020149Z\n20261129/eu-central-1/execute-api/aws4_request\n` +
				strings.Repeat("0f", 32) + `'`,
			`'AWS4-HMAC-SHA256\n<time>\n<day>/eu-central-1/execute-api/aws4_request\n<hash>'`},
		{"a port", "https://abc123.example.net:8443/", "https://<host>/"},
		{"a mark of a check", "verify-goes-on-0123456789ab", "<mark>"},
		{"a log stream", "2026/11/29/[7]0123456789abcdef0123456789abcdef", "<stream>"},
		{"what was measured", "Duration: 1.04 ms	Memory Size: 256 MB	Max Memory Used: 6 MB",
			"Duration: <n> ms	Memory Size: 256 MB	Max Memory Used: <n> MB"},
		{"nobody's", "502 /{proxy+} 10485760 bytes, piece 12 of v1", "502 /{proxy+} 10485760 bytes, piece 12 of v1"},
	} {
		if got := r.Text(test.text); got != test.want {
			t.Errorf("%s: %q becomes\n %q, want\n %q", test.name, test.text, got, test.want)
		}
		if again := r.Text(test.want); again != test.want {
			t.Errorf("%s: done twice it is %q", test.name, again)
		}
	}
}

// Every part of a record goes through the redaction, and what was written can be read.
func TestWriteAndRead(t *testing.T) {
	const secret, name = "s3cr3t-t0ken", "abc123.example.net"
	message := func() Message {
		return Message{Line: "GET /" + name, Body: name, Broken: name, Headers: map[string][]string{
			"authorization": {secret}, "x-amz-security-token": {secret}, "X-Name": {name}, "Date": {"now"}}}
	}
	file := filepath.Join(t.TempDir(), "new", "evidence.jsonl")
	records := []Record{{Check: "a/b", Verdict: Fail, Reasons: []string{name}, Where: name, Time: time.Unix(1, 0).UTC(),
		Facts: map[string]string{"fact": name}, Exchanges: []Exchange{{message(), message()}}}, {Check: "c/d"}}
	if err := Write(file, records, NewRedaction(map[string]string{name: "<host>"})); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{secret, name} {
		if strings.Contains(string(text), bad) {
			t.Errorf("%q is in the file:\n%s", bad, text)
		}
	}
	if lines := strings.Count(string(text), "\n"); lines != 2 {
		t.Errorf("%d lines for two checks", lines)
	}
	got, err := Read(file)
	if err != nil || len(got) != 2 || got[0].Exchanges[0].Answer.Headers["Date"][0] != "<date>" {
		t.Errorf("read %+v, %v", got, err)
	}
	if records[0].Exchanges[0].Answer.Body != name {
		t.Error("the record itself was changed")
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there can be read")
	}
}

func TestCompare(t *testing.T) {
	answer := func(status, body string, headers map[string][]string) []Exchange {
		return []Exchange{{Answer: Message{Line: status, Body: body, Headers: headers}}}
	}
	report := func(target, instance, context string) string {
		return `{"request":{"target":"` + target + `","headers":{"C":["` + context + `"]}},"process":{"instance":"` +
			instance + `"}}`
	}
	for _, test := range []struct {
		name string
		a, b Record
		want []string
	}{
		{"the same", Record{Verdict: Pass, Exchanges: answer("200", "a", nil)},
			Record{Verdict: Pass, Exchanges: answer("200", "a", nil)}, nil},
		{"a verdict", Record{Verdict: Pass}, Record{Verdict: Fail}, []string{"verdict"}},
		{"one that was skipped", Record{Verdict: Pass}, Record{Verdict: Skip}, nil},
		{"a fact", Record{Facts: map[string]string{"a": "1", "b": "2"}}, Record{Facts: map[string]string{"a": "1"}},
			[]string{"fact b"}},
		{"status, header and body", Record{Exchanges: answer("200", "a", map[string][]string{"X": {"1"}})},
			Record{Exchanges: answer("500", "b", map[string][]string{"X": {"1", "2"}, "Y": {"1"}})},
			[]string{"answer 1: status", "answer 1: X", "answer 1: Y", "answer 1: body"}},
		{"reports of the app", Record{Exchanges: answer("200", report("/a", "1", `{\"k\":1}`),
			map[string][]string{"Content-Length": {"9"}})}, Record{Exchanges: answer("200", report("/b", "2",
			`{\"k\":2}`), map[string][]string{"Content-Length": {"8"}})},
			[]string{"answer 1: the app's headers.C.k", "answer 1: the app's target"}},
		{"a number of requests left to chance", Record{Unordered: true, Exchanges: answer("200", "a", nil)},
			Record{Unordered: true}, nil},
		{"a number of requests", Record{Exchanges: answer("200", "a", nil)}, Record{}, []string{"number of requests"}},
		{"a stream that broke", Record{Exchanges: []Exchange{{Answer: Message{Broken: "EOF"}}}},
			Record{Exchanges: []Exchange{{}}}, []string{"answer 1: whole"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range Compare([]Record{test.a}, []Record{test.b}) {
				got = append(got, d.What)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	if d := Compare([]Record{{Check: "a", Verdict: Pass}}, []Record{{Check: "b", Verdict: Fail}}); len(d) != 0 {
		t.Errorf("checks of two names are compared: %v", d)
	}
}
