package contract

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lambda-web/test/verify/wire"
)

// What the client sees of an answer, and what the gateway says itself.

// order makes an order for the app of names and values.
func order(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

var answers = []Check{
	{"answers/status", "Status and body are the app's", Open, 0, func(r *Run) {
		answer := r.Get("/", order("status", "418", "body", "t"))
		r.Want("status", answer.Status, 418)
		r.Want("body", string(answer.Body), "t")
		r.Want("Content-Length", answer.Header.Get("Content-Length"), "1")
	}},
	{"answers/empty", "An empty answer", Open, 0, func(r *Run) {
		answer := r.Get("/", order("body", ""))
		r.Want("status", answer.Status, http.StatusOK)
		r.Want("body", string(answer.Body), "")
		r.Note("Content-Type", answer.Header.Get("Content-Type"))
	}},
	{"answers/content-type", "There is one Content-Type, the app's", Open, 0, func(r *Run) {
		answer := r.Get("/", order("header", "content-type:text/x-t", "body", "t"))
		r.Want("Content-Type", answer.Header.Values("Content-Type"), []string{"text/x-t"})
	}},
	{"answers/repeated-header", "A header that the app sends twice, two cookies among them", Open, 0, func(r *Run) {
		answer := r.Get("/", order("header", "X-A:1", "header", "X-A:2", "header", "Set-Cookie:a=1", "header",
			"Set-Cookie:b=2", "body", ""))
		r.Want("X-A", strings.Join(answer.Header.Values("X-A"), ","), "1,2")
		r.Want("Set-Cookie", answer.Header.Values("Set-Cookie"), []string{"a=1", "b=2"})
	}},
	{"answers/renamed", "Headers that belong to the gateway are renamed", Open, 0, func(r *Run) {
		answer := r.Get("/", order("header", "Server:app", "header", "WWW-Authenticate:Basic", "header",
			"Host:example.com", "header", "User-Agent:app", "header", "Max-Forwards:1", "body", ""))
		for name, value := range map[string]string{"Server": "app", "WWW-Authenticate": "Basic",
			"Host": "example.com", "User-Agent": "app", "Max-Forwards": "1"} {
			r.Want(name, answer.Header.Get("X-Amzn-Remapped-"+name), value)
			r.Want("the plain "+name, answer.Header.Get(name) == value, false)
		}
	}},
	{"answers/kept-headers", "Other headers pass", Open, 0, func(r *Run) {
		sent := map[string]string{"Via": "1.1 app", "Content-Encoding": "x-none", "Cache-Control": "no-store",
			"Etag": `"1"`, "Location": "/x"}
		pairs := []string{"body", "t"}
		for name, value := range sent {
			pairs = append(pairs, "header", name+":"+value)
		}
		answer := r.Get("/", order(pairs...))
		for name, value := range sent {
			r.Want(name, answer.Header.Get(name), value)
		}
	}},
	{"answers/binary", "Any bytes reach the client, without an Accept header too", Open, 0, func(r *Run) {
		for _, accept := range []string{"", "text/html, */*", "image/png"} {
			q := tell(wire.Request{Method: "GET", Target: "/"},
				order("octets", "1", "header", "Content-Type:image/png"))
			if accept != "" {
				q = q.With("Accept", accept)
			}
			r.Want("bytes for "+accept, sum(r.Send(q).Body), sum(octets()))
		}
	}},
	{"answers/chunked-app", "An app that streams is buffered", Open, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "3"))
		r.Want("body", string(answer.Body), "piece 0\npiece 1\npiece 2\n")
		r.Want("Content-Length", answer.Header.Get("Content-Length"), strconv.Itoa(len(answer.Body)))
	}},
	{"answers/bodiless", "HEAD, 204 and 304 have no body, and the connection goes on", Open, 0, func(r *Run) {
		connection, err := wire.Dial(r.URL, patience)
		if err != nil {
			r.Fail("connect: %v", err)
			return
		}
		defer connection.Close()
		for _, c := range []struct {
			method, order string
			status        int
		}{{"HEAD", order("body", "abc"), 200}, {"GET", order("status", "204"), 204},
			{"GET", order("status", "304"), 304}, {"GET", order("body", "end"), 200}} {
			q := r.full(tell(wire.Request{Method: c.method, Target: "/"}, c.order))
			answer := connection.Do(q)
			r.take(q, answer)
			r.Want("status of "+c.order, answer.Status, c.status)
			if c.order != order("body", "end") {
				r.Want("body of "+c.order, len(answer.Body), 0)
			}
		}
	}},
	{"answers/gateway-headers", "The gateway adds its ids and the trace", Open, 0, func(r *Run) {
		answer := r.Get("/", order("body", "t"))
		r.True("x-amzn-RequestId", uuid.MatchString(answer.Header.Get("X-Amzn-Requestid")), answer.Header)
		r.True("x-amz-apigw-id", strings.HasSuffix(answer.Header.Get("X-Amz-Apigw-Id"), "="), answer.Header)
		r.True("X-Amzn-Trace-Id", strings.HasPrefix(answer.Header.Get("X-Amzn-Trace-Id"), "Root=1-"), answer.Header)
		r.True("Date", answer.Header.Get("Date") != "", answer.Header)
	}},
	{"answers/odd-status", "Which statuses pass that are none of HTTP's own", Open, 0, func(r *Run) {
		for _, status := range []string{"299", "499", "599", "600", "999"} {
			answer := r.Get("/", order("status", status, "body", "t"))
			r.Note("status "+status, line(answer.Status))
		}
	}},
	{"answers/control-character", "What becomes of a header's value with a control character", Open, 0, func(r *Run) {
		for _, value := range []string{"a\x01b", "caf\xe9"} {
			answer := r.Get("/", order("header", "X-A:"+value, "body", "t"))
			r.Note(strconv.Quote(value), line(answer.Status)+" "+strconv.Quote(answer.Header.Get("X-A")))
		}
	}},
	{"answers/app-error", "The app's own 500 passes", Open, 0, func(r *Run) {
		answer := r.Get("/", order("status", "500", "body", "mine"))
		r.Want("status", answer.Status, http.StatusInternalServerError)
		r.Want("body", string(answer.Body), "mine")
		r.Want("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"), "")
	}},
}

const internalError = `{"message": "Internal server error"}`

var failures = []Check{
	{"failures/break", "An app that breaks off is a 502", Open, 0, func(r *Run) {
		r.Refused(r.Get("/", order("break", "0")), http.StatusBadGateway, internalError,
			"InternalServerErrorException")
	}},
	{"failures/unknown-stage", "A path whose first segment is not the stage", Open, Stage, func(r *Run) {
		answer := r.SendRaw(wire.Request{Method: "GET", Target: "/nostage/x"})
		r.Refused(answer, http.StatusForbidden, `{"message":"Forbidden"}`, "ForbiddenException")
	}},
	{"failures/foreign-authorization", "No route, and an Authorization header of another kind", Open, 0, func(r *Run) {
		answer := r.Send(wire.Request{Method: "PROPFIND", Target: "/x"}.With("Authorization", "Bearer x"))
		r.Want("status", answer.Status, http.StatusForbidden)
		r.Want("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"), "IncompleteSignatureException")
		r.True("the message", strings.Contains(string(answer.Body), "missing equal-sign"), string(answer.Body))
	}},
	{"failures/connection", "A connection goes on behind an error of the gateway", Open, 0, func(r *Run) {
		connection, err := wire.Dial(r.URL, patience)
		if err != nil {
			r.Fail("connect: %v", err)
			return
		}
		defer connection.Close()
		for i, method := range []string{"PROPFIND", "GET"} {
			q := r.full(wire.Request{Method: method, Target: "/x"})
			answer := connection.Do(q)
			r.take(q, answer)
			r.Want("status of "+method, answer.Status, []int{403, 200}[i])
		}
	}},
}

const mb = 1 << 20

var limits = []Check{
	{"limits/body", "A body above 10 MB is refused before it is read", Open, 0, func(r *Run) {
		q := wire.Request{Method: "POST", Target: "/", Body: []byte("begin")}.
			With("Content-Length", strconv.Itoa(10*mb+1))
		answer := r.Send(q)
		r.Want("status", answer.Status, http.StatusRequestEntityTooLarge)
		r.Want("body", string(answer.Body), "HTTP content length exceeded 10485760 bytes.")
		r.Want("x-amzn-RequestId", answer.Header.Get("X-Amzn-Requestid"), "")
	}},
	{"limits/event", "A body that makes the event larger than 6 MB is a 413", Open, 0, func(r *Run) {
		answer := r.Send(wire.Request{Method: "POST", Target: "/", Body: make([]byte, 5*mb)})
		r.Refused(answer, http.StatusRequestEntityTooLarge, `{"message": "Request Too Long"}`, "BadRequestException")
	}},
	{"limits/largest-event", "A body of 4 MB passes", Open, 0, func(r *Run) {
		body := make([]byte, 4*mb)
		r.Want("bytes", r.Report(r.Send(wire.Request{Method: "POST", Target: "/", Body: body})).Request.SHA256,
			sum(body))
	}},
	{"limits/answer", "An answer of 6,200,000 bytes passes, one of 6,291,556 and its envelope do not", Open, 0,
		func(r *Run) {
			answer := r.Get("/", order("bytes", "6200000", "header", "Content-Type:text/plain"))
			r.Want("status", answer.Status, http.StatusOK)
			r.Want("bytes", len(answer.Body), 6200000)
			r.Refused(r.Get("/", order("bytes", "6291556", "header", "Content-Type:text/plain")),
				http.StatusBadGateway, internalError, "InternalServerErrorException")
		}},
	{"limits/headers", "Headers of more than 10,240 bytes are refused", Open, 0, func(r *Run) {
		answer := r.Send(wire.Request{Method: "GET", Target: "/"}.With("X-Long", strings.Repeat("a", 12000)))
		r.Want("status", answer.Status, http.StatusRequestHeaderFieldsTooLarge)
		r.Want("body", string(answer.Body), "HTTP header is larger than 10240 bytes.")
	}},
	{"limits/headers-boundary", "How the bytes of the headers are counted", Open, 0, func(r *Run) {
		plain := order("body", "t")
		fits := 10240 - len("Host") - len(r.URL.Host) - len("X-Verify") - len(plain) - len("X-Long")
		for _, more := range []int{0, 1} {
			q := tell(wire.Request{Method: "GET", Target: "/"}, plain)
			answer := r.Send(q.With("X-Long", strings.Repeat("a", fits+more)))
			r.Note("names and values of 10,240 bytes and "+strconv.Itoa(more), line(answer.Status))
		}
	}},
	{"limits/url", "A URL of more than 10,240 bytes is refused", Open, 0, func(r *Run) {
		answer := r.Get("/"+strings.Repeat("a", 11000), "")
		r.Want("status", answer.Status, http.StatusRequestURITooLong)
		r.Note("body", string(answer.Body))
		r.Want("a URL of 9,000 bytes", r.Get("/"+strings.Repeat("a", 9000), order("body", "")).Status, http.StatusOK)
	}},
}

var timeOuts = []Check{
	{"time-outs/integration", "An answer after the API's timeout is a 504", Open, 0, func(r *Run) {
		answer := r.Get("/", order("sleep", (r.APITimeout+r.APITimeout/8).String()))
		r.Want("status", answer.Status, http.StatusGatewayTimeout)
		r.Want("body", string(answer.Body), `{"message": "Endpoint request timed out"}`)
		r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
		r.True("it comes at the timeout", answer.Head >= r.APITimeout-r.APITimeout/10, answer.Head)
	}},
	{"time-outs/goes-on", "The function goes on to its end behind a 504", Open, Log, func(r *Run) {
		mark := "verify-goes-on-" + r.unique()
		answer := r.Get("/", order("sleep", (r.APITimeout+r.APITimeout/8).String(), "then", mark))
		r.Want("status", answer.Status, http.StatusGatewayTimeout)
		r.Logged(mark)
	}},
	{"time-outs/function", "An invocation beyond the function's timeout", Open, Invoke, func(r *Run) {
		result := r.Invoke(Invocation{Event: event("sleep", (r.Timeout * 2).String())})
		r.Want("status", result.Status, http.StatusOK)
		r.Want("function error", result.Error, "Unhandled")
		r.True("the payload", strings.Contains(result.Payload, `"errorType":"Sandbox.Timedout"`) &&
			strings.Contains(result.Payload, "Task timed out after "+seconds(r.Timeout)+" seconds"), result.Payload)
		after := r.Invoke(Invocation{Event: `{}`})
		r.True("the next is served", instance(after) != "", after.Payload)
	}},
}

func seconds(d interface{ Seconds() float64 }) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 2, 64)
}

// oneOf says whether a status is among those that are expected.
func oneOf(status int, of ...int) bool { return slices.Contains(of, status) }
