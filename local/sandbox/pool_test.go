package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const adapterScript = "register;events background;connect;front"

// TestPorts: the first sandbox has the declared port, further ones a free one; the app is told.
func TestPorts(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"lambda-adapter": adapterScript}, "listen", "block")
	first := f.start(t, "a")
	a := f.gates.arrived(t, "a")
	second := f.start(t, "b")
	b := f.gates.arrived(t, "b")
	close(a)
	close(b)
	expect(t, receive(t, first), "from port "+strconv.Itoa(f.cfg.AppPort), "")
	if other := receive(t, second); !regexp.MustCompile(`^from port [23]\d{4}$`).Match(other.Payload) || other.FunctionError != "" {
		t.Errorf("the second sandbox answered %q", other.Payload)
	}
	if n := f.Stats().Sandboxes; n != 2 {
		t.Errorf("%d sandboxes, want 2", n)
	}
}

func TestDeclaredPortInUse(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			taken, err := net.Listen("tcp", host+":0")
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			port := taken.Addr().(*net.TCPAddr).Port
			f := newFixture(t, func(c *Config) { c.AppPort = port }, extensionScripts{"lambda-adapter": adapterScript}, "listen", "block")
			r := f.start(t, "a")
			close(f.gates.arrived(t, "a"))
			if got := string(receive(t, r).Payload); got == "from port "+strconv.Itoa(port) || !strings.HasPrefix(got, "from port ") {
				t.Errorf("got %q", got)
			}
			f.log.await(t, fmt.Sprintf(`port %d is in use on this machine; the app is told PORT=\d+$`, port))
		})
	}
}

// TestAppThatIgnoresItsPort works with one sandbox: requests wait for each other, none fails, and
// one line says why.
func TestAppThatIgnoresItsPort(t *testing.T) {
	var port int
	f := newFixture(t, func(c *Config) {
		port = c.AppPort
		c.Command = append(c.Command, "listen "+strconv.Itoa(port), "block")
		c.Limits.QueueWait = time.Millisecond
	}, extensionScripts{"lambda-adapter": adapterScript})
	var results []<-chan Result
	for range 4 {
		results = append(results, f.start(t, "a"))
	}
	first := f.gates.arrived(t, "a")
	f.log.await(t, `sandbox-[234] \| the app does not listen on \$PORT: .*requests are handled one at a time`)
	close(first)
	for range 3 {
		close(f.gates.arrived(t, "a"))
	}
	for _, r := range results {
		expect(t, receive(t, r), "from port "+strconv.Itoa(port), "")
	}
	if n := strings.Count(f.log.String(), "does not listen on $PORT"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	f.eventually(t, "one sandbox", func(s Stats) bool { return s.Sandboxes == 1 })
}

func TestProvisionedAppThatIgnoresItsPort(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.ProvisionedConcurrency = 3
		c.Command = append(c.Command, "listen "+strconv.Itoa(c.AppPort), "block")
	}, extensionScripts{"lambda-adapter": adapterScript})
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := f.Stats().Sandboxes; n != 1 {
		t.Errorf("%d sandboxes, want 1", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConcurrency = 4 }, extensionScripts{"lambda-adapter": "register;events background;serve"}, "block")
	f.invokeFromMany(t)
	if s := f.Stats(); s.Sandboxes > 4 {
		t.Errorf("stats %+v", s)
	}
}

// TestAliasUpdate: an update under load brings up the new version, drains the old one and loses no
// request; the old version's processes are gone at the end.
func TestAliasUpdate(t *testing.T) {
	g, log := newGates(t), newLogBook()
	version := func(v string) *Function {
		cfg := testConfig(t, g, log, nil, "pid", "serve")
		cfg.Version = v
		cfg.ProvisionedConcurrency = 1
		f, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	one := version("1")
	if err := one.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	alias := NewAlias("live", one)
	defer alias.Close(context.Background())
	slow := make(chan Result, 1)
	go func() {
		r, _ := alias.Invoke(context.Background(), Invocation{Event: []byte(`{"do":"stepAndRespond","arg":"gate slow"}`)})
		slow <- r
	}()
	leave := g.arrived(t, "slow")

	stop, load := make(chan struct{}), sync.WaitGroup{}
	var lost atomic.Int32
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := alias.Invoke(context.Background(), Invocation{Event: []byte(`{"n":1}`)})
				if err != nil || string(r.Payload) != `{"n":1}` {
					lost.Add(1)
				}
			}
		})
	}
	updated := make(chan error, 1)
	go func() { updated <- alias.Update(context.Background(), Route{Function: version("2")}) }()
	log.await(t, `START RequestId: \S+ Version: 2$`)
	close(leave)
	if err := receive(t, updated); err != nil {
		t.Error(err)
	}
	close(stop)
	load.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d requests were lost", n)
	}
	if r := receive(t, slow); r.Version != "1" || string(r.Payload) != "done" {
		t.Errorf("the request in progress was answered by version %q with %q", r.Version, r.Payload)
	}
	if _, err := one.Invoke(context.Background(), Invocation{}); err != ErrClosed {
		t.Errorf("the old version answers %v, want ErrClosed", err)
	}
}

func TestAliasKeepsTheOldVersionWhenTheNewOneFails(t *testing.T) {
	old := newFixture(t, nil, nil, "serve")
	alias := NewAlias("live", old.Function)
	broken := newFixture(t, func(c *Config) { c.Version = "4"; c.ProvisionedConcurrency = 1 }, nil, "exit 1")
	if err := alias.Update(t.Context(), Route{Function: broken.Function}); err == nil || !strings.Contains(err.Error(), "Runtime.ExitError") {
		t.Errorf("Update gave %v", err)
	}
	r, err := alias.Invoke(t.Context(), Invocation{Event: []byte(`{}`)})
	if err != nil || r.Version != "3" {
		t.Errorf("version %q answered, %v", r.Version, err)
	}
}

func TestAliasWeights(t *testing.T) {
	a := newFixture(t, nil, nil, "serve")
	b := newFixture(t, func(c *Config) { c.Version = "4" }, nil, "serve")
	alias := NewAlias("live", a.Function)
	for _, c := range []struct {
		weight   float64
		min, max int
	}{{0, 0, 0}, {1, 300, 300}, {0.3, 40, 140}} {
		if err := alias.Update(t.Context(), Route{Function: a.Function}, Route{Function: b.Function, Weight: c.weight}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for range 300 {
			r, err := alias.Invoke(t.Context(), Invocation{Event: []byte(`{"do":""}`)})
			if err != nil {
				t.Fatal(err)
			}
			if r.Version == "4" {
				n++
			}
		}
		if n < c.min || n > c.max {
			t.Errorf("weight %g gave version 4 %d of 300, want %d to %d", c.weight, n, c.min, c.max)
		}
	}
	if err := alias.Update(t.Context(), Route{Function: a.Function}, Route{Function: b.Function, Weight: 1.5}); err == nil {
		t.Error("a weight of 1.5 was taken")
	}
	f := a.invoke(t, `{"do":"headers"}`)
	if strings.Contains(string(f.Payload), ":live") {
		t.Error("a direct invocation has the alias in its ARN")
	}
}

// TestLinesStayWhole: output in odd pieces, very long lines and an unfinished last line.
func TestLinesStayWhole(t *testing.T) {
	var got bytes.Buffer
	out, w, err := newOutput(&splitter{lines: &lineWriter{log: &logWriter{out: &got}, prefix: "p | "}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		out.follow()
		close(done)
	}()
	long := strings.Repeat("y", longestLine+10)
	for _, piece := range []string{"on", "e\ntwo\n\nthr", "ee\n", long, "\nend"} {
		w.WriteString(piece)
	}
	w.Close()
	receive(t, done)
	want := "p | one\np | two\np | \np | three\np | " + long[:longestLine] + "\np | " + long[longestLine:] + "\np | end\n"
	if got.String() != want {
		t.Errorf("got %d bytes, want %d: %.80q", got.Len(), len(want), got.String())
	}
}

// TestAliasUpdateOfAnAppThatIgnoresItsPort: the new version cannot start beside the old one, so that
// it takes over the port while invocations wait. A version that cannot start gives it back.
func TestAliasUpdateOfAnAppThatIgnoresItsPort(t *testing.T) {
	one := newFixture(t, func(c *Config) { c.Command = append(c.Command, "listen "+strconv.Itoa(c.AppPort), "block") },
		extensionScripts{"lambda-adapter": adapterScript})
	version := func(v string, steps ...string) *Function {
		cfg := one.cfg
		cfg.Version = v
		if steps != nil {
			cfg.Command = append([]string{actor}, steps...)
		}
		f, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	alias := NewAlias("live", one.Function)
	defer alias.Close(context.Background())
	answers := make(chan Result, 1)
	ask := func() {
		r, err := alias.Invoke(context.Background(), Invocation{Event: []byte("g")})
		if err != nil {
			t.Error(err)
		}
		answers <- r
	}
	answered := func(version string) {
		t.Helper()
		close(one.gates.arrived(t, "g"))
		if r := receive(t, answers); r.Version != version || r.FunctionError != "" {
			t.Errorf("version %s answered %q, want version %s", r.Version, r.Payload, version)
		}
	}
	go ask()
	answered("3")

	go ask()
	leave := one.gates.arrived(t, "g") // in progress while the update begins
	updated := make(chan error, 1)
	go func() { updated <- alias.Update(context.Background(), Route{Function: version("4")}) }()
	one.log.await(t, "address already in use")
	close(leave)
	if r := receive(t, answers); r.Version != "3" || r.FunctionError != "" {
		t.Errorf("version %s answered %q to the request in progress", r.Version, r.Payload)
	}
	if err := receive(t, updated); err != nil {
		t.Fatal(err)
	}
	go ask()
	answered("4")

	if err := alias.Update(context.Background(), Route{Function: version("5", "exit 9")}); err == nil || !strings.Contains(err.Error(), "exit status 9") {
		t.Errorf("the update to a broken version gave %v", err)
	}
	go ask()
	answered("4")
}
