package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// report is what the app saw of a request, and what it knows of itself.
type report struct {
	Request request `json:"request"`
	Process process `json:"process"`
}

type request struct {
	Method  string              `json:"method"`
	Target  string              `json:"target"` // as the request line has it
	Headers map[string][]string `json:"headers"`
	Bytes   int                 `json:"bytes"` // of the body
	SHA256  string              `json:"sha256"`
	Text    string              `json:"text,omitempty"`   // the body's begin, if it is text
	Base64  string              `json:"base64,omitempty"` // the body's begin, if it is none
}

type process struct {
	Version   string            `json:"version"`
	Phase     string            `json:"phase"` // as the settings call it
	Instance  string            `json:"instance"`
	Number    int64             `json:"number"` // of the request in this process
	Before    int64             `json:"before"` // how often the hook before a snapshot was called
	After     int64             `json:"after"`
	Variables map[string]string `json:"variables,omitempty"` // their values only where they tell nothing secret
	Clock     *times            `json:"clock,omitempty"`
	Files     map[string]string `json:"files,omitempty"`
	Limits    map[string]uint64 `json:"limits,omitempty"`
}

// most is how much of a body is reported as it is.
const most = 1 << 10

func (a *app) report(r *http.Request, body []byte, number int64, do url.Values) report {
	sum := sha256.Sum256(body)
	headers := maps.Clone(r.Header)
	headers["Host"] = []string{r.Host}
	delete(headers, "X-Verify")
	out := report{
		Request: request{Method: r.Method, Target: r.RequestURI, Headers: headers, Bytes: len(body),
			SHA256: hex.EncodeToString(sum[:])},
		Process: process{Version: a.version, Phase: os.Getenv("VERIFY_PHASE"), Instance: a.instance, Number: number,
			Before: a.hooks.before.Load(), After: a.hooks.after.Load()},
	}
	if head := body[:min(len(body), most)]; utf8.Valid(head) {
		out.Request.Text = string(head)
	} else {
		out.Request.Base64 = base64.StdEncoding.EncodeToString(head)
	}
	for _, what := range strings.Split(do.Get("tell"), ",") {
		switch what {
		case "environment":
			out.Process.Variables = variables()
		case "clock":
			now := a.clock.read()
			out.Process.Clock = &now
		case "files":
			out.Process.Files = files()
		case "limits":
			out.Process.Limits = limits()
		}
	}
	return out
}

// shown are the variables whose values are reported: none of them opens anything.
var shown = []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_XRAY_CONTEXT_MISSING", "LANG",
	"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LD_LIBRARY_PATH", "PATH", "PORT", "PWD", "SHLVL", "TZ", "_HANDLER"}

func variables() map[string]string {
	all := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !slices.Contains(shown, name) {
			value = ""
		}
		all[name] = value
	}
	return all
}

// files says what can be written, and what /tmp has.
func files() map[string]string {
	all := map[string]string{}
	for _, folder := range []string{"/tmp", "/srv", "/", "/dev/shm", "/opt"} {
		all[folder] = "can be written"
		name := filepath.Join(folder, "verify-probe")
		err := os.WriteFile(name, nil, 0o600)
		os.Remove(name)
		if number := syscall.Errno(0); errors.As(err, &number) {
			all[folder] = number.Error()
		}
	}
	kept, _ := filepath.Glob("/tmp/verify-kept-*")
	all["kept"] = strings.Join(kept, " ")
	return all
}

func limits() map[string]uint64 {
	all := map[string]uint64{"user": uint64(os.Getuid()), "group": uint64(os.Getgid())}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		all["files"] = files.Max
	}
	return all
}

// clock notices when the process stands still, and how the two clocks go apart.
type clock struct {
	mu    sync.Mutex
	began time.Time
	last  time.Time
	gap   time.Duration // the longest time without a tick since it was asked last
}

type times struct {
	Gap       int64 `json:"gap"`       // milliseconds
	Wall      int64 `json:"wall"`      // milliseconds since the start
	Monotonic int64 `json:"monotonic"` // the same by the other clock
}

func newClock() *clock { return &clock{began: time.Now(), last: time.Now()} }

func (c *clock) tick(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.note()
		}
	}
}

// note takes the wall's time: whether the other clock goes on while the process stands still is not known.
func (c *clock) note() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gap = max(c.gap, now.Round(0).Sub(c.last.Round(0)))
	c.last = now
}

func (c *clock) read() times {
	c.note()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	t := times{Gap: c.gap.Milliseconds(), Wall: now.Round(0).Sub(c.began.Round(0)).Milliseconds(),
		Monotonic: now.Sub(c.began).Milliseconds()}
	c.gap = 0
	return t
}
