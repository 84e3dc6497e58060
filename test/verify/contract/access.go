package contract

import (
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"lambda-web/test/verify/wire"
)

// Who may call, and how often.

// hard is a path and a query that signers disagree about.
const hard = "/x%2By/a//b?t=u+v&t=1&e"

var signatures = []Check{
	{"signatures/good", "A signed request passes, and the app does not see the signature", Signed, Credentials,
		func(r *Run) {
			seen := r.Seen("/a/b", "")
			r.Want("Authorization", seen.Request.Headers.Get("Authorization"), "")
			identity, _ := seen.Context()["identity"].(map[string]any)
			for _, name := range []string{"accessKey", "accountId", "caller", "user", "userArn"} {
				r.True("identity has "+name, identity[name] != nil, identity)
			}
		}},
	{"signatures/hard", "Encoded slashes, double slashes and a query with plus signs", Signed, Credentials,
		func(r *Run) { r.Want("target", r.Seen(hard, "").Request.Target[:11], "/x%2By/a//b") }},
	{"signatures/body", "A body is signed", Signed, Credentials, func(r *Run) {
		q := wire.Request{Method: "POST", Target: "/", Body: []byte("abc")}
		r.Want("body", r.Report(r.Send(q)).Request.Text, "abc")
	}},
	{"signatures/none", "A request without signature is a 403, and the app does not see it", Signed, 0,
		func(r *Run) {
			r.Refused(r.SendRaw(r.full(wire.Request{Method: "GET", Target: "/"})), http.StatusForbidden,
				`{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException")
		}},
	{"signatures/options", "An OPTIONS request without signature is a 403 without CORS headers", Signed, 0,
		func(r *Run) {
			answer := r.SendRaw(r.full(wire.Request{Method: "OPTIONS", Target: "/"}.
				With("Origin", "https://a.example")))
			r.Want("status", answer.Status, http.StatusForbidden)
			r.Want("Access-Control-Allow-Origin", answer.Header.Get("Access-Control-Allow-Origin"), "")
		}},
	{"signatures/body-changed", "A body that was changed after signing", Signed, Credentials, func(r *Run) {
		q := r.Signed(r.full(wire.Request{Method: "POST", Target: "/", Body: []byte("abc")}), Signature{})
		q.Body = []byte("abd")
		r.mismatch(r.SendRaw(q))
	}},
	{"signatures/query-changed", "A query that was changed after signing", Signed, Credentials, func(r *Run) {
		q := r.Signed(r.full(wire.Request{Method: "GET", Target: "/?a=1"}), Signature{})
		q.Target = strings.Replace(q.Target, "a=1", "a=2", 1)
		r.mismatch(r.SendRaw(q))
	}},
	{"signatures/expired", "A clock that is six minutes late", Signed, Credentials, func(r *Run) {
		answer := r.signedAs(Signature{Off: -6 * time.Minute})
		r.forbidden(answer, "InvalidSignatureException", "Signature expired: ", "(", "- 5 min.)")
	}},
	{"signatures/early", "A clock that is six minutes ahead", Signed, Credentials, func(r *Run) {
		answer := r.signedAs(Signature{Off: 6 * time.Minute})
		r.forbidden(answer, "InvalidSignatureException", "Signature not yet current: ", "+ 5 min.)")
	}},
	{"signatures/late", "A clock that is four minutes late", Signed, Credentials, func(r *Run) {
		r.Want("status", r.signedAs(Signature{Off: -4 * time.Minute}).Status, http.StatusOK)
	}},
	{"signatures/unknown-key", "A key that nobody has", Signed, Credentials, func(r *Run) {
		answer := r.signedAs(Signature{Account: &aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE",
			SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}})
		r.forbidden(answer, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}},
	{"signatures/wrong-secret", "A key with another secret", Signed, Credentials, func(r *Run) {
		other := r.Account
		other.SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
		r.mismatch(r.signedAs(Signature{Account: &other}))
	}},
	{"signatures/no-token", "A temporary key without its token", Signed, Credentials, func(r *Run) {
		if r.Account.SessionToken == "" {
			r.Skip("the credentials are not temporary ones")
			return
		}
		other := r.Account
		other.SessionToken = ""
		answer := r.signedAs(Signature{Account: &other})
		r.Want("status", answer.Status, http.StatusForbidden)
		r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
	}},
	{"signatures/wrong-region", "A scope of another region", Signed, Credentials, func(r *Run) {
		r.forbidden(r.signedAs(Signature{Region: "ap-south-2"}), "InvalidSignatureException",
			"Credential should be scoped to")
	}},
	{"signatures/wrong-service", "A scope of another service", Signed, Credentials, func(r *Run) {
		r.forbidden(r.signedAs(Signature{Service: "s3"}), "InvalidSignatureException",
			"Credential should be scoped to")
	}},
	{"signatures/unsigned-payload", "Whether the body may be left out", Signed, Credentials, func(r *Run) {
		answer := r.signedAs(Signature{Payload: "UNSIGNED-PAYLOAD"})
		r.Note("status", line(answer.Status))
		r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
	}},
	{"signatures/presigned", "A signature in the query passes, and what the app sees of it", Signed, Credentials,
		func(r *Run) {
			q := r.full(wire.Request{Method: "GET", Target: "/x?a=1"})
			seen := r.Report(r.SendRaw(r.Signed(q, Signature{Presigned: time.Minute})))
			_, query, _ := strings.Cut(seen.Request.Target, "?")
			for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
				"X-Amz-SignedHeaders", "X-Amz-Signature"} {
				r.Note("the app sees "+name, strings.Contains(query, name+"="))
			}
			r.True("the query is there", strings.Contains("&"+query, "&a=1"), query)
		}},
	{"signatures/presigned-expired", "A signature in the query that has expired", Signed, Credentials, func(r *Run) {
		q := r.full(wire.Request{Method: "GET", Target: "/"})
		answer := r.SendRaw(r.Signed(q, Signature{Presigned: time.Minute, Off: -2 * time.Minute}))
		r.Want("status", answer.Status, http.StatusForbidden)
		r.Note("message", message(answer))
	}},
	{"signatures/foreign-authorization", "An Authorization header of another kind", Signed, 0, func(r *Run) {
		q := r.full(wire.Request{Method: "GET", Target: "/"}.With("Authorization", "Bearer x"))
		answer := r.SendRaw(q)
		r.forbidden(answer, "IncompleteSignatureException", "missing equal-sign")
		r.Note("message", message(answer))
	}},
	{"signatures/missing-parameters", "An Authorization header that lacks parts", Signed, 0, func(r *Run) {
		q := r.full(wire.Request{Method: "GET", Target: "/"}.
			With("Authorization", "AWS4-HMAC-SHA256 "+
				"Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/execute-api/aws4_request"))
		answer := r.SendRaw(q)
		r.forbidden(answer, "IncompleteSignatureException", "Signature", "SignedHeaders")
		r.Note("message", message(answer))
	}},
}

// signedAs sends a GET that is signed in a way of its own.
func (r *Run) signedAs(how Signature) *wire.Answer {
	return r.SendRaw(r.Signed(r.full(wire.Request{Method: "GET", Target: "/"}), how))
}

// message is the gateway's, without what the clock put in.
func message(a *wire.Answer) string { return string(a.Body) }

// forbidden judges a refusal by its type and by parts of its message.
func (r *Run) forbidden(a *wire.Answer, errorType string, parts ...string) {
	r.Want("status", a.Status, http.StatusForbidden)
	r.Want("x-amzn-ErrorType", a.Header.Get("X-Amzn-Errortype"), errorType)
	for _, part := range parts {
		r.True("the message has "+part, strings.Contains(string(a.Body), part), string(a.Body))
	}
}

// mismatch judges the refusal of a signature that is not the request's.
func (r *Run) mismatch(a *wire.Answer) {
	r.forbidden(a, "InvalidSignatureException",
		"The request signature we calculated does not match the signature you provided.",
		"The Canonical String for this request should have been", "The String-to-Sign should have been")
}

var policies = []Check{
	{"policy/source-range", "Who calls from elsewhere is told who, what and where", Refused, 0, func(r *Run) {
		answer := r.SendRaw(r.full(wire.Request{Method: "GET", Target: "/x"}))
		r.Want("status", answer.Status, http.StatusForbidden)
		r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
		r.Note("body", string(answer.Body))
	}},
	{"policy/before-function", "A refused request does not reach the function", Refused, Log | Invoke,
		func(r *Run) {
			mark := "verify-refused-" + r.unique()
			r.SendRaw(r.full(tell(wire.Request{Method: "GET", Target: "/"}, order("log", mark))))
			result := r.Invoke(Invocation{Event: event("log", "verify-behind-"+mark)})
			r.True("the log of a later invocation has no line of it",
				!strings.Contains(strings.ReplaceAll(result.Log, "verify-behind-"+mark, ""), mark), result.Log)
		}},
}

var throttling = []Check{
	{"throttling/rate", "More requests than the rate are a 429", Throttled, 0, func(r *Run) {
		r.Unordered()
		refused, passed := 0, 0
		for range 5 {
			for _, answer := range r.parallel(10, order("body", "t")) {
				switch answer.Status {
				case http.StatusOK:
					passed++
				case http.StatusTooManyRequests:
					r.Refused(answer, http.StatusTooManyRequests, `{"message":"Too Many Requests"}`,
						"TooManyRequestsException")
					refused++
				default:
					r.Fail("status %d", answer.Status)
				}
			}
		}
		r.True("some of 50 are refused", refused > 0, refused)
		r.Note("some passed", passed > 0)
	}},
}

var capacity = []Check{
	{"capacity/at-the-limit", "What a client gets when no environment is free", Narrow, Credentials | Reserved,
		func(r *Run) {
			r.Unordered()
			r.warm()
			statuses := map[int]int{}
			for _, answer := range r.parallel(2, order("sleep", "11s", "body", "t")) {
				statuses[answer.Status]++
				if answer.Status != http.StatusOK {
					r.Note("refusal", line(answer.Status)+" "+string(answer.Body))
					r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
					r.Note("it comes at once", answer.Took < 5*time.Second)
				}
			}
			r.Want("answers", statuses, map[int]int{http.StatusOK: 1, http.StatusInternalServerError: 1})
		}},
}

// stranger is the page that may call in the phase Narrow.
const stranger = "https://app.example.com"

var preflights = []Check{
	{"cors/preflight", "A preflight request needs no signature", Narrow, 0, func(r *Run) {
		q := wire.Request{Method: "OPTIONS", Target: "/x"}.With("Origin", stranger).
			With("Access-Control-Request-Method", "PUT")
		answer := r.SendRaw(r.full(q))
		r.True("status", oneOf(answer.Status, http.StatusOK, http.StatusNoContent), line(answer.Status))
		r.Want("Access-Control-Allow-Origin", answer.Header.Get("Access-Control-Allow-Origin"), stranger)
	}},
	{"cors/errors", "The gateway's own errors can be read by the page", Narrow, 0, func(r *Run) {
		answer := r.SendRaw(r.full(wire.Request{Method: "GET", Target: "/x"}.With("Origin", stranger)))
		r.Want("status", answer.Status, http.StatusForbidden)
		r.Want("Access-Control-Allow-Origin", answer.Header.Get("Access-Control-Allow-Origin"), stranger)
	}},
}
