package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// actor is the program under testdata/actor, built once.
var actor string

func TestMain(m *testing.M) {
	RunWatchdog()
	if os.Getenv(parentVariable) != "" {
		runParent()
	}
	folder, err := os.MkdirTemp("", "sandbox-test")
	if err != nil {
		panic(err)
	}
	actor = filepath.Join(folder, "actor")
	if out, err := exec.Command("go", "build", "-o", actor, "./testdata/actor").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the actor: %v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// patience bounds every wait of the tests; nothing waits for it to pass.
const patience = 30 * time.Second

// logBook keeps log lines and lets tests wait for one.
type logBook struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{}
}

func newLogBook() *logBook { return &logBook{grown: make(chan struct{})} }

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.grown)
	b.grown = make(chan struct{})
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns the submatches of the first match.
func (b *logBook) await(t testing.TB, pattern string) []string {
	t.Helper()
	return b.awaitN(t, pattern, 1)[0]
}

// awaitN waits for n matches.
func (b *logBook) awaitN(t testing.TB, pattern string, n int) [][]string {
	t.Helper()
	expression := regexp.MustCompile("(?m)" + pattern)
	limit := time.After(patience)
	for {
		b.mu.Lock()
		found, grown := expression.FindAllStringSubmatch(b.text.String(), -1), b.grown
		b.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("no %d lines match %q in the log:\n%s", n, pattern, b)
		}
	}
}

// inOrder checks that the patterns occur one after the other.
func (b *logBook) inOrder(t *testing.T, patterns ...string) {
	t.Helper()
	text := b.String()
	for _, pattern := range patterns {
		at := regexp.MustCompile("(?m)" + pattern).FindStringIndex(text)
		if at == nil {
			t.Fatalf("%q is missing or too early in the log:\n%s", pattern, b)
		}
		text = text[at[1]:]
	}
}

// gates let actors wait for the test and the test for actors.
type gates struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals map[string]chan chan struct{}
}

func newGates(t *testing.T) *gates {
	g := &gates{arrivals: map[string]chan chan struct{}{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave := make(chan struct{})
		g.at(strings.TrimPrefix(r.URL.Path, "/")) <- leave
		select {
		case <-leave:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *gates) at(name string) chan chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.arrivals[name] == nil {
		g.arrivals[name] = make(chan chan struct{}, 1000)
	}
	return g.arrivals[name]
}

// arrived waits for an actor at the gate; closing the channel lets it pass.
func (g *gates) arrived(t *testing.T, name string) chan struct{} {
	t.Helper()
	select {
	case leave := <-g.at(name):
		return leave
	case <-time.After(patience):
		t.Fatalf("nobody came to the gate %s", name)
		return nil
	}
}

// fixture is a function under test.
type fixture struct {
	*Function
	log   *logBook
	gates *gates
	cfg   Config
}

// extensionScripts are the scripts of extensions by name.
type extensionScripts map[string]string

// freeAppPort is a declared port that nothing else on the machine uses.
func freeAppPort(t *testing.T) int {
	t.Helper()
	port, err := leasePort()
	if err != nil {
		t.Fatal(err)
	}
	releasePort(port)
	return port
}

// testConfig is a function whose app plays the steps.
func testConfig(t *testing.T, g *gates, log *logBook, extensions extensionScripts, steps ...string) Config {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{
		Name: "hello", Version: "3", Region: "eu-central-1", AccountID: "123456789012",
		MemorySize: 512, Timeout: 20 * time.Second,
		Command: append([]string{actor}, steps...), Dir: dir, Handler: "app:app",
		AppPort: freeAppPort(t), Log: log,
		Limits: Limits{FinishWait: patience}, // no further sandbox because this machine is slow
		Env:    map[string]string{"PATH": os.Getenv("PATH"), "GATES": g.URL},
	}
	for name, script := range extensions {
		link := filepath.Join(dir, name)
		if err := os.Symlink(actor, link); err != nil {
			t.Fatal(err)
		}
		cfg.Extensions = append(cfg.Extensions, link)
		cfg.Env["ACTOR_"+strings.ReplaceAll(name, "-", "_")] = script
	}
	return cfg
}

// newFixture makes a function, lets adjust change its configuration and closes it at the end.
func newFixture(t *testing.T, adjust func(*Config), extensions extensionScripts, steps ...string) *fixture {
	t.Helper()
	f := &fixture{log: newLogBook(), gates: newGates(t)}
	f.cfg = testConfig(t, f.gates, f.log, extensions, steps...)
	if adjust != nil {
		adjust(&f.cfg)
	}
	var err error
	if f.Function, err = New(f.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
		for _, found := range regexp.MustCompile(`pid (\d+)`).FindAllStringSubmatch(f.log.String(), -1) {
			checkGone(t, found[1])
		}
		if t.Failed() {
			t.Logf("log:\n%s", f.log)
		}
	})
	return f
}

// checkGone waits until a process has ended. Processes that are nobody's child here are reaped by
// others, so their end may take a moment to show.
func checkGone(t *testing.T, pid string) {
	t.Helper()
	number, _ := strconv.Atoi(pid)
	limit := time.Now().Add(patience)
	for alive(number) {
		if time.Now().After(limit) {
			t.Errorf("process %d is still there", number)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// alive is false for zombies: nothing runs any more.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsPermission(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func (f *fixture) invoke(t *testing.T, event string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := f.Invoke(ctx, Invocation{Event: []byte(event)})
	if err != nil {
		t.Fatalf("invoke with %s: %v\n%s", event, err, f.log)
	}
	return r
}

// coldStarts is how many inits on demand REPORT lines tell of until now.
func (f *fixture) coldStarts() int { return strings.Count(f.log.String(), "\tInit Duration: ") }

// eventually waits until the counts are as wanted.
func (f *fixture) eventually(t *testing.T, want string, is func(Stats) bool) {
	t.Helper()
	limit := time.Now().Add(patience)
	for !is(f.Stats()) {
		if time.Now().After(limit) {
			t.Fatalf("stats %+v, want %s", f.Stats(), want)
		}
		time.Sleep(time.Millisecond)
	}
}

// start invokes in the background.
func (f *fixture) start(t *testing.T, event string) <-chan Result {
	t.Helper()
	results := make(chan Result, 1)
	go func() {
		r, err := f.Invoke(context.Background(), Invocation{Event: []byte(event)})
		if err != nil {
			r = Result{Payload: []byte(err.Error()), FunctionError: "refused"}
		}
		results <- r
	}()
	return results
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func expect(t *testing.T, r Result, payload, functionError string) {
	t.Helper()
	if string(r.Payload) != payload || r.FunctionError != functionError {
		t.Fatalf("got %q with function error %q, want %q with %q", r.Payload, r.FunctionError, payload, functionError)
	}
}

func expectMatch(t *testing.T, r Result, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).Match(r.Payload) || r.FunctionError != unhandled {
		t.Fatalf("got %q with function error %q, want a match of %q", r.Payload, r.FunctionError, pattern)
	}
}

// invokeFromMany sends 400 events, 16 at a time, to a function that gives them back.
func (f *fixture) invokeFromMany(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	var wrong atomic.Int32
	for i := range 16 {
		wg.Go(func() {
			for j := range 25 {
				event := fmt.Sprintf(`{"n":"%d-%d"}`, i, j)
				r, err := f.Invoke(context.Background(), Invocation{Event: []byte(event)})
				if err != nil || string(r.Payload) != event {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of 400 answers were wrong", n)
	}
}
