package terminal

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// paper is a terminal that keeps what is written and lets a test wait for it.
type paper struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{}
}

func newPaper() *paper { return &paper{grown: make(chan struct{}, 1)} }

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *paper) await(t *testing.T, text string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for !strings.Contains(p.String(), text) {
		select {
		case <-p.grown:
		case <-limit:
			t.Fatalf("no %q on the screen:\n%s", text, p)
		}
	}
}

var began = time.Unix(1e9, 0)

func source(n int) sandbox.Source { return sandbox.Source{Function: "web", Version: "1", Sandbox: n} }

// play shows one request after the other: "ask", "begin", "cold", "say", "platform", "notice", "answer", "fail",
// "end", "piece", each with the id of the request behind it.
func play(s *Screen, steps ...string) {
	for _, step := range steps {
		verb, rest, _ := strings.Cut(step, " ")
		id, text, _ := strings.Cut(rest, " ")
		name := gateway.ID{RequestID: id}
		switch verb {
		case "ask":
			method, target, _ := strings.Cut(text, " ")
			s.Gateway(gateway.Request{ID: name, Began: began, Method: method, Target: target, Stage: "v1"})
		case "begin", "cold":
			s.Sandbox(sandbox.Start{Source: source(1), RequestID: id, Cold: verb == "cold"})
		case "restored":
			s.Sandbox(sandbox.Start{Source: source(1), RequestID: id, Cold: true, Restore: 38 * time.Millisecond})
		case "say", "platform", "notice":
			s.Sandbox(sandbox.Line{Source: source(1), RequestID: strings.Trim(id, "-"), Text: text,
				Platform: verb != "say", Notice: verb == "notice"})
		case "piece":
			s.Gateway(gateway.Piece{ID: name, Status: 200})
		case "answer", "fail":
			status, cause, after := 200, "", 3800*time.Microsecond
			fmt.Sscan(text, &status)
			if verb == "fail" {
				_, cause, _ = strings.Cut(text, " ")
			}
			s.Gateway(gateway.Response{ID: name, Status: status, Ended: began.Add(after), Header: http.Header{},
				Cause: cause})
		case "end":
			s.Sandbox(sandbox.Report{Source: source(1), RequestID: id, Status: "success", Duration: 12})
		case "broke":
			s.Sandbox(sandbox.Report{Source: source(1), RequestID: id, Status: "error", Duration: 12,
				ErrorType: "Function.Broken", ErrorMessage: text})
		case "ready":
			s.Sandbox(sandbox.Change{Source: source(1), State: sandbox.Ready, InitDuration: 412 * time.Millisecond})
		}
	}
}

func TestRequests(t *testing.T) {
	for rule, test := range map[string]struct {
		steps []string
		want  string
	}{
		"one line per request": {
			[]string{"ready", "ask 1 GET /v1/api/hello?x=1", "cold 1", "answer 1", "end 1", "ask 2 GET /v1",
				"begin 2", "answer 2 404", "end 2"},
			"GET /api/hello?x=1 200 3.8 ms  cold, init 412 ms, sandbox-1\nGET / 404 3.8 ms  warm, sandbox-1\n",
		},
		"an init ahead of the first request": {
			[]string{"ready", "ask 1 GET /v1/a", "begin 1", "answer 1", "end 1", "ask 2 GET /v1/b", "begin 2",
				"answer 2", "end 2"},
			"GET /a 200 3.8 ms  warm, init 412 ms before, sandbox-1\nGET /b 200 3.8 ms  warm, sandbox-1\n",
		},
		"a restore": {
			[]string{"ready", "ask 1 GET /v1/a", "restored 1", "answer 1", "end 1"},
			"GET /a 200 3.8 ms  cold, restore 38 ms, sandbox-1\n",
		},
		"the app's lines stand below their request": {
			[]string{"ask 1 GET /v1/a", "begin 1", "say 1 first of a", "ask 2 GET /v1/b", "begin 2",
				"say 2 only of b", "answer 2", "say 1 second of a", "answer 1", "say 1 after the answer", "end 1",
				"end 2"},
			"GET /b 200 3.8 ms  warm, sandbox-1\n  only of b\nGET /a 200 3.8 ms  warm, sandbox-1\n  first of " +
				"a\n  second of a\n  after the answer\n",
		},
		"a late line names its request again": {
			[]string{"ask 1 GET /v1/a", "begin 1", "answer 1", "ask 2 GET /v1/b", "begin 2", "answer 2", "say 1 late",
				"end 1", "end 2"},
			"GET /a 200 3.8 ms  warm, sandbox-1\nGET /b 200 3.8 ms  warm, sandbox-1\nGET /a\n  late\n",
		},
		"lines between requests stand by themselves": {
			[]string{"say - [INFO] Booting worker", "ask 1 GET /v1/a", "begin 1", "answer 1", "end 1", "say - idle"},
			"  [INFO] Booting worker\nGET /a 200 3.8 ms  warm, sandbox-1\n  idle\n",
		},
		"a failure has its reason first": {
			[]string{"ask 1 POST /v1/pay", "begin 1", "say 1 Traceback",
				"fail 1 502 the function failed: Runtime.ExitError: RequestId: 11-22 Error: exit status 3", "end 1"},
			"POST /pay 502 3.8 ms  warm, sandbox-1\n  Runtime.ExitError: exit status 3\n  Traceback\n",
		},
		"what the gateway refuses": {
			[]string{"ask 1 GET /other/x", "fail 1 403 the path begins with \"other\", the stage is \"v1\""},
			"GET /other/x 403 3.8 ms  the function was not called\n  the path begins with \"other\", the stage is \"v1\"\n",
		},
		"platform lines are off, notices are not": {
			[]string{"ask 1 GET /v1/a", "begin 1", "platform 1 START RequestId: 1",
				"notice - the app listens on port 8000", "answer 1", "platform 1 REPORT", "end 1"},
			"the app listens on port 8000\nGET /a 200 3.8 ms  warm, sandbox-1\n",
		},
		"a stream is shown when it begins and when it ends": {
			[]string{"ask 1 GET /v1/events", "begin 1", "piece 1", "piece 1", "say 1 tick", "answer 1", "end 1"},
			"GET /events 200, streaming  warm, sandbox-1\n  tick\nGET /events 200 3.8 ms  warm, sandbox-1\n",
		},
		"an invocation without a request": {
			[]string{"begin 1", "say 1 nightly job", "end 1", "begin 2", "broke 2 no such table"},
			"invocation of web success 12 ms  warm, sandbox-1\n  nightly job\ninvocation of web error 12 ms  " +
				"warm, sandbox-1\n  Function.Broken: no such table\n",
		},
		"a client cannot write on the screen": {
			[]string{"ask 1 GET /v1/\x1b[2Jx\x9b", "begin 1", "answer 1", "end 1"},
			"GET /?[2Jx? 200 3.8 ms  warm, sandbox-1\n",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			p := newPaper()
			s := New(Config{Out: p})
			play(s, test.steps...)
			if got := p.String(); got != test.want {
				t.Errorf("the screen shows\n%s\nwant\n%s", got, test.want)
			}
			if len(s.requests) != 0 {
				t.Errorf("%d requests are remembered", len(s.requests))
			}
		})
	}
}

// What a request says shows after a moment, though it goes on.
func TestRequestThatTakesItsTime(t *testing.T) {
	p := newPaper()
	s := New(Config{Out: p})
	play(s, "ask 1 GET /v1/slow", "begin 1", "say 1 loading")
	p.await(t, "GET /slow …  warm, sandbox-1\n  loading\n")
	play(s, "say 1 loaded", "answer 1", "end 1")
	p.await(t, "  loaded\nGET /slow 200 3.8 ms  warm, sandbox-1\n")
}

func TestPlatformLines(t *testing.T) {
	p := newPaper()
	s := New(Config{Out: p, Platform: true, Colour: true})
	play(s, "ask 1 GET /v1/a", "begin 1", "platform 1 START RequestId: 1", "say 1 hello", "answer 1",
		"platform 1 REPORT RequestId: 1", "end 1")
	faint := ansi.Style{}.Faint()
	want := "GET /a 200 3.8 ms  " + faint.Styled("warm, sandbox-1") + "\n  " + faint.Styled("START RequestId: 1") +
		"\n  hello\n  " + faint.Styled("REPORT RequestId: 1") + "\n"
	if got := p.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Errors have one colour, on the screen of somebody who wants colours.
func TestColours(t *testing.T) {
	for _, colour := range []bool{true, false} {
		p := newPaper()
		s := New(Config{Out: p, Colour: colour})
		play(s, "ask 1 GET /v1/a", "begin 1", "fail 1 502 why", "end 1")
		s.Fail(errors.New("no app"), "the old one goes on")
		red := ansi.Style{}.ForegroundColor(ansi.Red)
		for _, text := range []string{"GET /a 502 3.8 ms", "why", "no app"} {
			if painted := strings.Contains(p.String(), red.Styled(text)); painted != colour {
				t.Errorf("colours %v: %q is painted: %v", colour, text, painted)
			}
		}
		if escapes := strings.Contains(p.String(), "\x1b"); escapes != colour {
			t.Errorf("colours %v: %q", colour, p)
		}
	}
}

// No line is wider than the terminal because of us; a path keeps its beginning and its end.
func TestWidths(t *testing.T) {
	path := "/v1/" + strings.Repeat("très/long/", 20) + "the-end"
	app := strings.Repeat("x", 59)
	for _, columns := range []int{20, 40, 60, 80, 200} {
		p := newPaper()
		s := New(Config{Out: p, Colour: true, Platform: true, Width: func() int { return columns }})
		play(s, "ready", "ask 1 GET "+path, "cold 1", "say 1 "+app, "answer 1", "end 1", "notice - "+
			strings.Repeat("many words ", 30),
			"ask 2 GET /v1/b", "begin 2",
			"platform 2 REPORT RequestId: 2\tDuration: 1.80 ms\tBilled Duration: 218 ms\tMemory Size: 512 MB",
			"fail 2 502 "+strings.Repeat("why ", 40), "end 2")
		s.Say("Process mode, as %s", strings.Repeat("no engine answers, ", 10))
		s.Fail(errors.New(strings.Repeat("reason ", 40)), strings.Repeat("consequence ", 20))
		fmt.Fprintln(s, strings.Repeat("#7 DONE ", 30))
		for line := range strings.Lines(p.String()) {
			width := ansi.StringWidth(strings.TrimRight(line, "\n"))
			if strings.Contains(line, app) {
				width -= max(0, len(app)-columns) // that is the app's
			}
			if width > columns {
				t.Errorf("%d columns: %q has %d", columns, line, width)
			}
		}
		if first := ansi.Strip(strings.SplitN(p.String(), "\n", 2)[0]); !strings.HasPrefix(first, "GET /") ||
			!strings.Contains(first, "200 3.8 ms") ||
			columns > 30 && !strings.Contains(first, "end") {
			t.Errorf("%d columns: the request's line is %q", columns, first)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 3812 * time.Microsecond: "3.8 ms", 38 * time.Millisecond: "38 ms",
		999 * time.Millisecond: "999 ms", 2312 * time.Millisecond: "2.31 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("/a/b/c", 3)
	f.Add("日本語/のパス", 5)
	f.Add("\x1b[31mred", 2)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		columns = max(1, min(columns, 300))
		text = printable(text)
		if got := shorten(text, columns); ansi.StringWidth(got) > columns {
			t.Errorf("%q in %d columns is %q", text, columns, got)
		}
	})
}
