// Package contract is what a REST API with a Lambda function behind it does, as far as it can be seen from outside: a
// table of checks, each of which sends real requests to the app of this suite and judges what comes back. It knows a
// URL and, for some checks, how to call the function directly and to read its log. The same table is held against the
// local cloud, against an account, and against whatever else answers at a URL.
package contract

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"lambda-web/test/verify/evidence"
	"lambda-web/test/verify/wire"
)

// Check is one statement about the service.
type Check struct {
	ID    string // group/name; docs/local.md and assumptions.go link it
	What  string
	Phase Phase
	Needs Need
	Run   func(*Run)
}

// Need is what a check needs beside the URL.
type Need int

const (
	Invoke      Need = 1 << iota // the function's name, and the right to call it
	Log                          // its log
	Credentials                  // credentials that the API takes
	Changes                      // that another version can be deployed
	Slow                         // more than a minute, which has to be asked for
	Stage                        // that the URL's path is the stage
	Reserved                     // an account that lets a function reserve an environment
)

var needs = map[Need]string{
	Invoke: "the function's name and the right to invoke it", Log: "the function's log",
	Credentials: "credentials that the API takes", Changes: "deployments of its own",
	Slow:  "minutes; ask for it with LONG=1",
	Stage: "a URL whose path is the stage", Reserved: "an account with more than 100 concurrent executions",
}

// String is a list of words, or a dash.
func (n Need) String() string {
	words := map[Need]string{Invoke: "invoke", Log: "log", Credentials: "credentials", Changes: "deployments",
		Slow: "minutes", Stage: "stage", Reserved: "concurrency"}
	var all []string
	for _, need := range slices.Sorted(maps.Keys(words)) {
		if n&need != 0 {
			all = append(all, words[need])
		}
	}
	return cmp.Or(strings.Join(all, ", "), "-")
}

// missing says what of the needs there is not.
func (n Need) missing(has Need) string {
	var all []string
	for _, need := range slices.Sorted(maps.Keys(needs)) {
		if n&need != 0 && has&need == 0 {
			all = append(all, needs[need])
		}
	}
	return strings.Join(all, ", and ")
}

// All is the whole table.
func All() []Check {
	return slices.Concat(events, paths, queries, headers, bodies, answers, failures, limits, timeOuts, environments,
		direct, lives, crashes, streams, signatures, policies, throttling, capacity, preflights, snapshots)
}

// Target is what the checks of a phase are run against.
type Target struct {
	URL      *url.URL // invoke URL of the stage
	Where    string
	Region   string
	Function Function
	Account  aws.Credentials
	Signs    bool // the API takes signed requests only
	Has      Need
	// Timeout of the function, APITimeout of the API.
	Timeout, APITimeout time.Duration
	// AwaitLog waits for a line of the log with this text, and returns it.
	AwaitLog func(ctx context.Context, text string) (string, error)
	// Change deploys the app once more, with another version.
	Change func(ctx context.Context, version string) error
}

// Run is one check that is carried out.
type Run struct {
	*Target
	ctx    context.Context
	record evidence.Record
}

// Carry carries one check out.
func Carry(ctx context.Context, t *Target, c Check) evidence.Record {
	r := &Run{Target: t, ctx: ctx, record: evidence.Record{Check: c.ID, Verdict: evidence.Pass, Where: t.Where,
		Region: t.Region, Time: time.Now().UTC().Truncate(time.Second), Facts: map[string]string{}}}
	if lacks := c.Needs.missing(t.Has); lacks != "" {
		r.Skip("it needs " + lacks)
		return r.record
	}
	began := time.Now()
	c.Run(r)
	r.record.Milliseconds = time.Since(began).Milliseconds()
	return r.record
}

// patience is how long an exchange may take beyond what it is told to.
const patience = time.Minute

// Send sends a request to a path below the stage, and takes it down with its answer.
func (r *Run) Send(q wire.Request) *wire.Answer {
	q = r.full(q)
	if r.Signs {
		q = r.Signed(q, Signature{})
	}
	return r.SendRaw(q)
}

// SendRaw sends a request whose target is the whole path, unsigned.
func (r *Run) SendRaw(q wire.Request) *wire.Answer {
	answer := wire.Do(r.URL, q, patience)
	r.take(q, answer)
	return answer
}

func (r *Run) full(q wire.Request) wire.Request {
	q.Target = strings.TrimSuffix(r.URL.EscapedPath(), "/") + q.Target
	return q
}

// Base is the path of the stage, without a slash at its end.
func (r *Run) Base() string { return strings.TrimSuffix(r.URL.EscapedPath(), "/") }

func (r *Run) take(q wire.Request, a *wire.Answer) {
	asked := evidence.Message{Line: q.Method + " " + short(q.Target), Headers: map[string][]string{},
		Body: text(q.Body), Bytes: len(q.Body)}
	for _, f := range q.Header {
		asked.Headers[f.Name] = append(asked.Headers[f.Name], short(f.Value))
	}
	got := evidence.Message{Line: line(a.Status), Headers: a.Header, Body: text(a.Body), Bytes: len(a.Body)}
	if !a.Whole {
		got.Broken = cmp.Or(a.Fault, "not whole")
	}
	r.record.Exchanges = append(r.record.Exchanges, evidence.Exchange{Request: asked, Answer: got})
}

func line(status int) string {
	if status == 0 {
		return "no answer"
	}
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// most is how much of a body goes into the evidence.
const most = 8 << 10

func text(body []byte) string {
	if len(body) > most {
		return fmt.Sprintf("%s... (%d bytes)", text(body[:64]), len(body))
	}
	if !utf8.Valid(body) {
		return fmt.Sprintf("%x", body)
	}
	return string(body)
}

func short(value string) string {
	if len(value) > 300 {
		return fmt.Sprintf("%s... (%d bytes)", value[:40], len(value))
	}
	return value
}

// Get asks for a path with an order to the app.
func (r *Run) Get(path, order string) *wire.Answer {
	return r.Send(tell(wire.Request{Method: "GET", Target: path}, order))
}

// tell gives a request an order for the app.
func tell(q wire.Request, order string) wire.Request {
	if order == "" {
		return q
	}
	return q.With("X-Verify", order)
}

// Seen is what the app reports.
type Seen struct {
	Request struct {
		Method  string
		Target  string
		Headers http.Header
		Bytes   int
		SHA256  string
		Text    string
	}
	Process struct {
		Version       string
		Phase         string
		Instance      string
		Number        int
		Before, After int
		Variables     map[string]string
		Clock         struct{ Gap, Wall, Monotonic int64 }
		Files         map[string]string
		Limits        map[string]int
	}
}

// Report reads the app's report of a request. An answer that is none is a failure.
func (r *Run) Report(a *wire.Answer) Seen {
	var seen Seen
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &seen) != nil || seen.Process.Instance == "" {
		r.Fail("the app did not report: %s %s %s", line(a.Status), short(string(a.Body)), a.Fault)
	}
	return seen
}

// Seen is the report of a GET.
func (r *Run) Seen(path, order string) Seen { return r.Report(r.Get(path, order)) }

// Context is the event's requestContext.
func (s Seen) Context() map[string]any {
	var context map[string]any
	json.Unmarshal([]byte(s.Request.Headers.Get("X-Amzn-Request-Context")), &context) // a nil map has nothing
	return context
}

// Lambda is what the adapter tells of the invocation.
func (s Seen) Lambda() map[string]any {
	var context map[string]any
	json.Unmarshal([]byte(s.Request.Headers.Get("X-Amzn-Lambda-Context")), &context)
	return context
}

// Want judges a value.
func (r *Run) Want(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		r.Fail("%s: %v, want %v", what, got, want)
	}
}

// True judges a condition.
func (r *Run) True(what string, ok bool, got any) {
	if !ok {
		r.Fail("%s: %v", what, got)
	}
}

// Fail takes a failure down; the check goes on.
func (r *Run) Fail(format string, arguments ...any) {
	r.record.Verdict = evidence.Fail
	r.record.Reasons = append(r.record.Reasons, fmt.Sprintf(format, arguments...))
}

// Skip says why nothing was judged.
func (r *Run) Skip(reason string) {
	r.record.Verdict, r.record.Reasons = evidence.Skip, []string{reason}
}

// Note takes down what is worth to be compared, and is not judged.
func (r *Run) Note(name string, value any) { r.record.Facts[name] = fmt.Sprint(value) }

// Unordered says that the number of requests is left to chance.
func (r *Run) Unordered() { r.record.Unordered = true }

// Refused judges an answer that the gateway makes itself.
func (r *Run) Refused(a *wire.Answer, status int, body, errorType string) {
	r.Want("status", a.Status, status)
	r.Want("body", string(a.Body), body)
	r.Want("x-amzn-ErrorType", a.Header.Get("X-Amzn-Errortype"), errorType)
	r.Want("X-Amzn-Trace-Id", a.Header.Get("X-Amzn-Trace-Id"), "")
}
