package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"lambda-web/test/verify/wire"
)

// What the app sees of a request.

var events = []Check{
	{"event/context", "requestContext has the members of a REST API, and those of identity", Open, 0, func(r *Run) {
		context := r.Seen("/a/b", "").Context()
		r.Want("members", slices.Sorted(maps.Keys(context)), []string{"accountId", "apiId", "deploymentId",
			"domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity", "path", "protocol",
			"requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage"})
		identity, _ := context["identity"].(map[string]any)
		r.Want("members of identity", slices.Sorted(maps.Keys(identity)), []string{"accessKey", "accountId",
			"caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId",
			"cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent", "userArn"})
		for name, value := range identity {
			if name != "sourceIp" && name != "userAgent" {
				r.Want("identity's "+name, value, nil)
			}
		}
		r.Want("httpMethod", context["httpMethod"], "GET")
		r.Want("protocol", context["protocol"], "HTTP/1.1")
		r.Want("resourcePath", context["resourcePath"], "/{proxy+}")
	}},
	{"event/time", "requestTime and requestTimeEpoch are the same time", Open, 0, func(r *Run) {
		context := r.Seen("/", "").Context()
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", fmt.Sprint(context["requestTime"]))
		r.True("requestTime", err == nil, context["requestTime"])
		epoch, _ := context["requestTimeEpoch"].(float64)
		r.Want("requestTimeEpoch", int64(epoch)/1000, at.Unix())
	}},
	{"event/ids", "The ids of the context are those of the answer's headers", Open, 0, func(r *Run) {
		answer := r.Get("/", "")
		context := r.Report(answer).Context()
		r.Want("requestId", context["requestId"], answer.Header.Get("X-Amzn-Requestid"))
		r.Want("extendedRequestId", context["extendedRequestId"], answer.Header.Get("X-Amz-Apigw-Id"))
		r.True("extendedRequestId ends with =", strings.HasSuffix(fmt.Sprint(context["extendedRequestId"]), "="),
			context["extendedRequestId"])
	}},
	{"event/trace", "The client's trace root reaches the app", Open, 0, func(r *Run) {
		const root = "Root=1-5e1b4151-5ac6c58f5b5daa3d4e5f6a7b"
		seen := r.Report(r.Send(wire.Request{Method: "GET", Target: "/"}.With("X-Amzn-Trace-Id", root)))
		trace := seen.Request.Headers.Get("X-Amzn-Trace-Id")
		r.True("the trace header begins with the root", strings.HasPrefix(trace, root), trace)
		r.True("the trace header has a parent", strings.Contains(trace, ";Parent="), trace)
	}},
	{"event/verbs", "Seven verbs reach the function, others do not", Open, 0, func(r *Run) {
		for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			r.Want(verb, r.Report(r.Send(wire.Request{Method: verb, Target: "/x"})).Request.Method, verb)
		}
		r.Want("HEAD", r.Send(wire.Request{Method: "HEAD", Target: "/x"}).Status, http.StatusOK)
		r.Refused(r.Send(wire.Request{Method: "PROPFIND", Target: "/x"}), http.StatusForbidden,
			`{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException")
	}},
	{"event/method-override", "X-HTTP-Method-Override changes the method", Open, 0, func(r *Run) {
		q := wire.Request{Method: "POST", Target: "/x"}.With("X-HTTP-Method-Override", "DELETE")
		r.Want("method", r.Report(r.Send(q)).Request.Method, "DELETE")
	}},
	{"event/forwarded", "X-Forwarded-* tell the client's address, 443 and https", Open, 0, func(r *Run) {
		seen := r.Report(r.Send(wire.Request{Method: "GET", Target: "/"}.With("X-Forwarded-For", "198.51.100.7")))
		identity, _ := seen.Context()["identity"].(map[string]any)
		addresses := strings.Split(seen.Request.Headers.Get("X-Forwarded-For"), ", ")
		r.Want("the first address", addresses[0], "198.51.100.7")
		r.True("the source address is in the list", slices.Contains(addresses, fmt.Sprint(identity["sourceIp"])),
			addresses)
		r.Note("addresses added", len(addresses)-1)
		r.Want("X-Forwarded-Proto", seen.Request.Headers.Get("X-Forwarded-Proto"), "https")
		r.Want("X-Forwarded-Port", seen.Request.Headers.Get("X-Forwarded-Port"), "443")
	}},
	{"event/lambda-context", "The app is told function, request and deadline", Open, 0, func(r *Run) {
		context := r.Seen("/", "").Lambda()
		r.Note("members", strings.Join(slices.Sorted(maps.Keys(context)), " "))
		deadline, _ := context["deadline"].(float64)
		left := time.Until(time.UnixMilli(int64(deadline)))
		r.True("the deadline is within the timeout", left > -time.Minute && left <= r.Timeout+time.Minute, left)
	}},
	{"event/forged", "A client cannot forge what the adapter tells", Open, 0, func(r *Run) {
		q := wire.Request{Method: "GET", Target: "/"}.With("X-Amzn-Request-Context", `{"forged":1}`)
		r.Want("forged", r.Report(r.Send(q)).Context()["forged"], nil)
	}},
}

// pathCase is a path behind the host, and what app and context have of it; %s is the path of the stage.
type pathCase struct{ id, what, path, app, context string }

var paths = slices.Concat(pathChecks(
	pathCase{"bare-stage", "`GET /v1` is the root", "%s", "/", "%s"},
	pathCase{"stage-slash", "`GET /v1/` is the root, and the context's path keeps the slash", "%s/", "/", "%s/"},
	pathCase{"greedy", "The path without the stage", "%s/a/b", "/a/b", "%s/a/b"},
	pathCase{"trailing-slash", "A trailing slash stays", "%s/a/", "/a/", "%s/a/"},
	pathCase{"inner-slashes", "Double slashes inside stay", "%s/a//b", "/a//b", "%s/a//b"},
	pathCase{"slashes-before-stage", "Double slashes before the stage collapse", "/%s/x", "/x", "%s/x"},
	pathCase{"slashes-behind-stage", "Double slashes behind the stage collapse", "%s//x", "/x", "%s//x"},
	pathCase{"slashes-at-the-end", "Double slashes at the end collapse", "%s/x//", "/x/", "%s/x//"},
	pathCase{"encoded", "The path is not decoded", "%s/x%%20y%%2Fz%%2B+", "/x%20y%2Fz%2B+", "%s/x%%20y%%2Fz%%2B+"},
	pathCase{"percent", "Percent signs and UTF-8 stay as they were sent", "%s/100%%25/%%252F/%%CE%%BB",
		"/100%25/%252F/%CE%BB", "%s/100%%25/%%252F/%%CE%%BB"},
	pathCase{"stage-twice", "Only the first segment is the stage", "%[1]s%[1]s/x", "%s/x", "%[1]s%[1]s/x"},
), []Check{
	{"paths/dots", "What becomes of a segment of two dots", Open, 0, func(r *Run) {
		answer := r.SendRaw(wire.Request{Method: "GET", Target: r.Base() + "/a/../b"})
		r.Note("status", answer.Status)
		if answer.Status == http.StatusOK {
			r.Note("path", r.Report(answer).Request.Target)
		}
	}},
	{"paths/brackets", "What becomes of characters that have to be encoded", Open, 0, func(r *Run) {
		answer := r.Get("/a[b]{c}|d", "")
		r.Note("status", answer.Status)
		if answer.Status == http.StatusOK {
			r.Note("path", r.Report(answer).Request.Target)
		}
	}},
})

func pathChecks(cases ...pathCase) []Check {
	var all []Check
	for _, c := range cases {
		all = append(all, Check{"paths/" + c.id, c.what, Open, Stage, func(r *Run) {
			fill := func(text string) string {
				if !strings.Contains(text, "%s") && !strings.Contains(text, "%[1]s") {
					return text
				}
				return fmt.Sprintf(text, r.Base())
			}
			answer := r.SendRaw(wire.Request{Method: "GET", Target: fill(c.path)})
			seen := r.Report(answer)
			r.Want("path", seen.Request.Target, fill(c.app))
			r.Want("path of the context", seen.Context()["path"], any(fill(c.context)))
		}})
	}
	return all
}

var queries = []Check{
	{"queries/decoded", "The query reaches the app with all values, in their order", Open, 0, func(r *Run) {
		got := r.query("?a=1&a=2&b=x%2Fy+z&c=a%2Bb&d=&e")
		r.Want("query", got, url.Values{"a": {"1", "2"}, "b": {"x/y z"}, "c": {"a+b"}, "d": {""}, "e": {""}})
	}},
	{"queries/none", "Without a query the app sees none", Open, 0, func(r *Run) {
		r.Want("target", r.Seen("/q", "").Request.Target, "/q")
	}},
	{"queries/utf8", "UTF-8 in the query", Open, 0, func(r *Run) {
		r.Want("query", r.query("?p=%F0%9F%99%82"), url.Values{"p": {"🙂"}})
	}},
	{"queries/semicolon", "What becomes of a semicolon", Open, 0, func(r *Run) {
		r.Note("target", r.Seen("/q?a=1;b=2", "").Request.Target)
	}},
	{"queries/bad-percent", "What becomes of a percent sign that begins no encoding", Open, 0, func(r *Run) {
		answer := r.Get("/q?a=%zz", "")
		r.Note("status", answer.Status)
		if answer.Status == http.StatusOK {
			r.Note("target", r.Report(answer).Request.Target)
		}
	}},
}

func (r *Run) query(text string) url.Values {
	_, query, _ := strings.Cut(r.Seen("/q"+text, "").Request.Target, "?")
	values, err := url.ParseQuery(query)
	r.True("the app's query can be read", err == nil, query)
	return values
}

// keptHeaders reach the app, connectionHeaders do not.
var (
	keptHeaders = []wire.Field{{Name: "Referer", Value: "https://example.com/a"}, {Name: "Range", Value: "bytes=0-9"},
		{Name: "Via", Value: "1.1 example"}, {Name: "Date", Value: "Tue, 15 Nov 1994 08:12:31 GMT"},
		{Name: "Authorization", Value: "Bearer abc"}, {Name: "Accept-Language", Value: "de"}}
	connectionHeaders = []string{"Connection", "Te", "Expect", "Max-Forwards", "Proxy-Authenticate", "Trailer",
		"Upgrade", "Www-Authenticate", "Content-Md5", "Server"}
)

var headers = []Check{
	{"headers/twice", "A header that is sent twice reaches the app twice", Open, 0, func(r *Run) {
		q := wire.Request{Method: "GET", Target: "/"}.With("X-T", "1").With("X-T", "2")
		r.Want("values", r.Report(r.Send(q)).Request.Headers["X-T"], []string{"1", "2"})
	}},
	{"headers/kept", "Headers about the message reach the app", Open, 0, func(r *Run) {
		seen := r.Report(r.Send(wire.Request{Method: "GET", Target: "/", Header: keptHeaders}))
		for _, f := range keptHeaders {
			r.Want(f.Name, seen.Request.Headers.Get(f.Name), f.Value)
		}
	}},
	{"headers/connection", "Headers about the connection do not reach the app", Open, 0, func(r *Run) {
		q := wire.Request{Method: "GET", Target: "/"}
		for _, name := range connectionHeaders {
			if name != "Expect" && name != "Connection" && name != "Upgrade" {
				q = q.With(name, "trailers")
			}
		}
		q = q.With("Connection", "keep-alive")
		seen := r.Report(r.Send(q))
		for _, name := range connectionHeaders {
			r.Want(name, seen.Request.Headers.Values(name), []string(nil))
		}
	}},
	{"headers/cookies", "Several cookies are one header", Open, 0, func(r *Run) {
		seen := r.Report(r.Send(wire.Request{Method: "GET", Target: "/"}.With("Cookie", "a=1; b=2")))
		r.Want("Cookie", seen.Request.Headers["Cookie"], []string{"a=1; b=2"})
	}},
	{"headers/host", "Which Host the app sees", Open, 0, func(r *Run) {
		seen := r.Seen("/", "")
		r.Note("Host is the URL's", seen.Request.Headers.Get("Host") == r.URL.Host)
	}},
	{"headers/user-agent", "The user agent is in header and context", Open, 0, func(r *Run) {
		seen := r.Report(r.Send(wire.Request{Method: "GET", Target: "/"}.With("User-Agent", "verify/1")))
		identity, _ := seen.Context()["identity"].(map[string]any)
		r.Want("header", seen.Request.Headers.Get("User-Agent"), "verify/1")
		r.Want("context", identity["userAgent"], any("verify/1"))
	}},
	{"headers/latin1", "What becomes of a header's value that is not UTF-8", Open, 0, func(r *Run) {
		answer := r.Send(wire.Request{Method: "GET", Target: "/"}.With("X-T", "caf\xe9"))
		r.Note("status", answer.Status)
		if answer.Status == http.StatusOK {
			r.Note("value", fmt.Sprintf("%q", r.Report(answer).Request.Headers.Get("X-T")))
		}
	}},
}

var bodies = []Check{
	{"bodies/none", "A GET and an empty POST have no body", Open, 0, func(r *Run) {
		r.Want("GET", r.Seen("/", "").Request.Bytes, 0)
		r.Want("POST", r.Report(r.Send(wire.Request{Method: "POST", Target: "/", Body: []byte{}})).Request.Bytes, 0)
	}},
	{"bodies/json", "JSON reaches the app as it was sent", Open, 0, func(r *Run) {
		const body = `{"a": 1,  "b": "λ"}`
		q := wire.Request{Method: "POST", Target: "/", Body: []byte(body)}.With("Content-Type", "application/json")
		r.Want("body", r.Report(r.Send(q)).Request.Text, body)
	}},
	{"bodies/binary", "Any bytes reach the app as they were sent", Open, 0, func(r *Run) {
		for _, kind := range []string{"image/png", "text/plain", "application/json", ""} {
			q := wire.Request{Method: "POST", Target: "/", Body: octets()}
			if kind != "" {
				q = q.With("Content-Type", kind)
			}
			r.Want("bytes as "+kind, r.Report(r.Send(q)).Request.SHA256, sum(octets()))
		}
	}},
	{"bodies/chunked", "A chunked body is the same", Open, 0, func(r *Run) {
		body := bytes.Repeat([]byte("chunk "), 500)
		seen := r.Report(r.Send(wire.Request{Method: "POST", Target: "/", Body: body, Chunks: 100}))
		r.Want("bytes", seen.Request.SHA256, sum(body))
		r.Want("Transfer-Encoding", seen.Request.Headers.Values("Transfer-Encoding"), []string(nil))
	}},
	{"bodies/malformed", "A chunked body that is none", Open, 0, func(r *Run) {
		answer := r.Send(wire.Request{Method: "POST", Target: "/", Raw: []byte("zz\r\nabc\r\n0\r\n\r\n")}.
			With("Transfer-Encoding", "chunked"))
		r.True("it is refused", answer.Status >= 400 && answer.Status < 500, line(answer.Status))
	}},
	{"bodies/expect", "A client that waits for 100 Continue gets its answer", Open, 0, func(r *Run) {
		q := wire.Request{Method: "POST", Target: "/", Body: []byte("abc")}.With("Expect", "100-continue")
		r.Want("body", r.Report(r.Send(q)).Request.Text, "abc")
	}},
}

// octets are all bytes that there are.
func octets() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func sum(body []byte) string {
	hash := sha256.Sum256(body)
	return hex.EncodeToString(hash[:])
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
