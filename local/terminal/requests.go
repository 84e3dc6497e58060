package terminal

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// request is one that the screen knows of.
type request struct {
	gateway.Request
	start   sandbox.Start // zero until a sandbox has it
	init    time.Duration // of the sandbox, if it is its first
	lines   []line        // that wait for the request's own line
	waiting *time.Timer   // until they are shown without it
	shown   bool          // its own line, or one that says that it is under way
	over    bool          // its response is through
}

type line struct {
	text     string
	platform bool
}

// underWay is how long the lines of a request may wait for the request's own; most is how many.
const (
	underWay = 300 * time.Millisecond
	most     = 1000
)

// Gateway takes a record of the gateway.
func (s *Screen) Gateway(record gateway.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := record.(type) {
	case gateway.Request:
		s.request(r.RequestID).Request = r
	case gateway.Piece:
		if q := s.request(r.RequestID); !q.shown {
			s.underWay(q, strconv.Itoa(r.Status)+", streaming")
		}
	case gateway.Response:
		s.response(s.request(r.RequestID), r)
	}
}

// Sandbox takes a record of a sandbox.
func (s *Screen) Sandbox(record sandbox.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := record.(type) {
	case sandbox.Start:
		q := s.request(r.RequestID)
		q.start, q.init = r, s.inits[r.Source]
		delete(s.inits, r.Source)
	case sandbox.Line:
		s.line(r)
	case sandbox.Report:
		s.report(r)
	case sandbox.Change:
		s.change(r)
	}
}

// The following need the lock.

func (s *Screen) request(id string) *request {
	q := s.requests[id]
	if q == nil {
		q = &request{}
		s.requests[id] = q
	}
	return q
}

// path is the target as the app sees it, without the stage.
func (q *request) path() string {
	if q.Target == "" {
		return "invocation of " + q.start.Function
	}
	path := strings.TrimPrefix(q.Target, "/"+q.Stage)
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return printable(path)
}

// aside is what is good to know of a request's sandbox.
func (s *Screen) aside(q *request) string {
	switch {
	case q.start.Sandbox == 0:
		return "the function was not called"
	case q.start.Restore > 0:
		return fmt.Sprintf("cold, restore %s, sandbox-%d", span(q.start.Restore), q.start.Sandbox)
	case q.start.Cold && q.init > 0:
		return fmt.Sprintf("cold, init %s, sandbox-%d", span(q.init), q.start.Sandbox)
	case q.start.Cold:
		return fmt.Sprintf("cold, sandbox-%d", q.start.Sandbox)
	case q.init > 0:
		return fmt.Sprintf("warm, init %s before, sandbox-%d", span(q.init), q.start.Sandbox)
	default:
		return fmt.Sprintf("warm, sandbox-%d", q.start.Sandbox)
	}
}

// response writes the request's own line and the lines of the app that waited for it.
func (s *Screen) response(q *request, r gateway.Response) {
	c, end := plain, fmt.Sprintf(" %d %s", r.Status, span(r.Ended.Sub(q.Began)))
	if r.Status >= 500 || r.Cause != "" && r.Status < 400 {
		c = red
	}
	s.row(c, q.Method+" ", q.path(), end, s.aside(q))
	s.last, q.shown, q.over = q, true, true
	if r.Cause != "" {
		s.below(c, reason(r.Cause))
	}
	s.flush(q)
	if q.start.Sandbox == 0 {
		s.forget(q, r.RequestID)
	}
}

// underWay says that a request goes on, so that what comes of it meanwhile has its place.
func (s *Screen) underWay(q *request, how string) {
	s.row(dim, q.Method+" ", q.path(), " "+how, s.aside(q))
	s.last, q.shown = q, true
	s.flush(q)
}

func (s *Screen) flush(q *request) {
	if q.waiting != nil {
		q.waiting.Stop()
		q.waiting = nil
	}
	for _, l := range q.lines {
		s.show(l)
	}
	q.lines = nil
}

// line shows a line of a sandbox: below its request, or by itself.
func (s *Screen) line(r sandbox.Line) {
	l := line{text: r.Text, platform: r.Platform}
	switch {
	case r.Notice:
		s.wrap(yellow, r.Text)
		return
	case r.Platform && !s.config.Platform:
		return
	}
	q := s.requests[r.RequestID]
	switch {
	case q == nil:
		s.last = nil
		s.show(l)
	case !q.shown && len(q.lines) < most:
		q.lines = append(q.lines, l)
		if q.waiting == nil {
			q.waiting = time.AfterFunc(underWay, func() { s.late(q) })
		}
	case !q.shown:
		s.underWay(q, "…")
		s.show(l)
	default:
		if s.last != q { // something else was shown since
			s.row(dim, q.Method+" ", q.path(), "", "")
			s.last = q
		}
		s.show(l)
	}
}

func (s *Screen) show(l line) {
	if l.platform {
		s.below(dim, strings.ReplaceAll(l.text, "\t", "  "))
		return
	}
	s.indented(plain, l.text)
}

// idInReason stands in the messages of the platform, before what they say.
var idInReason = regexp.MustCompile(`RequestId: \S+ Error: `)

// reason is why a request failed, the cause first.
func reason(cause string) string {
	return printable(idInReason.ReplaceAllString(strings.TrimPrefix(cause, "the function failed: "), ""))
}

// late shows what a request said that takes its time.
func (s *Screen) late(q *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !q.shown {
		s.underWay(q, "…")
	}
}

// report is the end of an invocation. One that no request asked for gets its line now.
func (s *Screen) report(r sandbox.Report) {
	q := s.requests[r.RequestID]
	if q == nil {
		return
	}
	if q.Target == "" {
		c, cause := plain, ""
		if r.Status != "success" {
			c, cause = red, r.ErrorType+": "+r.ErrorMessage
		}
		s.row(c, "", q.path(), fmt.Sprintf(" %s %s", r.Status,
			span(time.Duration(r.Duration*float64(time.Millisecond)))), s.aside(q))
		s.last, q.shown, q.over = q, true, true
		if cause != "" {
			s.below(c, reason(cause))
		}
		s.flush(q)
	}
	if q.over {
		s.forget(q, r.RequestID)
	}
	q.start.Event = sandbox.Body{} // large, and the response is still to come
}

func (s *Screen) forget(q *request, id string) {
	delete(s.requests, id)
	if s.last == q {
		s.last = nil
	}
}

// change notes how long the init of a sandbox took. The next one of its name may be ready before it has ended.
func (s *Screen) change(r sandbox.Change) {
	if r.State != sandbox.Ready {
		return
	}
	if len(s.inits) >= most {
		clear(s.inits)
	}
	s.inits[r.Source] = r.InitDuration
}

// span is a duration as people read it: 0.4 ms, 38 ms, 2.31 s.
func span(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	default:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	}
}
