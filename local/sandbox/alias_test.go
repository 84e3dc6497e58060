package sandbox

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAliasUpdate: an update under load brings up the new version and loses no request. It does not wait for what
// the old version still does; that finishes, and its processes are gone then.
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
		r, _ := alias.Invoke(context.Background(),
			Invocation{Event: []byte(`{"do":"stepAndRespond","arg":"gate slow"}`)})
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
	if err := receive(t, updated); err != nil {
		t.Error(err)
	}
	log.await(t, `START RequestId: \S+ Version: 2$`)
	close(leave)
	close(stop)
	load.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d requests were lost", n)
	}
	if r := receive(t, slow); r.Version != "1" || string(r.Payload) != "done" {
		t.Errorf("the request in progress was answered by version %q with %q", r.Version, r.Payload)
	}
	awaitRetired(t, alias)
	if _, err := one.Invoke(context.Background(), Invocation{}); err != ErrClosed {
		t.Errorf("the old version answers %v, want ErrClosed", err)
	}
}

// awaitRetired waits until no old version is left.
func awaitRetired(t *testing.T, a *Alias) {
	t.Helper()
	a.mu.Lock()
	retiring := slices.Clone(a.retiring)
	a.mu.Unlock()
	for _, old := range retiring {
		receive(t, old.over)
	}
}

// TestOldVersionsEndInTheirOwnTime: whatever is open on old versions, a change is deployed at once, and no more than
// some old versions are kept for it.
func TestOldVersionsEndInTheirOwnTime(t *testing.T) {
	f := newFixture(t, nil, nil, "serve")
	alias := NewAlias("live", f.Function)
	defer alias.Close(context.Background())
	var open []<-chan Result
	for n := range maxRetiring + 2 {
		result := make(chan Result, 1)
		go func() {
			r, err := alias.Invoke(context.Background(),
				Invocation{Event: []byte(`{"do":"stepAndRespond","arg":"gate open"}`)})
			if err != nil {
				r.FunctionError = err.Error()
			}
			result <- r
		}()
		f.gates.arrived(t, "open") // and it stays
		open = append(open, result)
		cfg := f.cfg
		cfg.Version = strconv.Itoa(10 + n)
		next, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := alias.Update(t.Context(), Route{Function: next}); err != nil {
			t.Fatal(err)
		}
	}
	for _, cut := range open[:2] {
		if r := receive(t, cut); r.FunctionError != ErrClosed.Error() {
			t.Errorf("one of the oldest was answered %q, function error %q", r.Payload, r.FunctionError)
		}
	}
	for _, kept := range open[2:] {
		select {
		case r := <-kept:
			t.Errorf("one of the newest was answered %q, function error %q", r.Payload, r.FunctionError)
		default:
		}
	}
}

// TestBrokenVersionBesideAnOpenStream: a version that cannot start is refused at once, whatever is open, and what
// serves goes on; so does the stream. The next version that can start is deployed.
func TestBrokenVersionBesideAnOpenStream(t *testing.T) {
	f := newFixture(t, nil, extensionScripts{"lambda-adapter": adapterScript}, "listen", "block")
	alias := NewAlias("live", f.Function)
	defer alias.Close(context.Background())
	open := make(chan Result, 1)
	go func() {
		r, _ := alias.Invoke(context.Background(), Invocation{Event: []byte("open")})
		open <- r
	}()
	stream := f.gates.arrived(t, "open")
	update := func(version string, steps ...string) error {
		cfg := f.cfg
		cfg.Version, cfg.Command = version, append([]string{actor}, steps...)
		next, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return alias.Update(t.Context(), Route{Function: next})
	}
	serves := func(version string) {
		t.Helper()
		answer := make(chan Result, 1)
		go func() {
			r, _ := alias.Invoke(context.Background(), Invocation{Event: []byte("g")})
			answer <- r
		}()
		close(f.gates.arrived(t, "g"))
		if r := receive(t, answer); r.Version != version || r.FunctionError != "" {
			t.Errorf("version %q answered %q, want version %s", r.Version, r.Payload, version)
		}
	}
	for _, broken := range []string{"say SyntaxError: invalid syntax", "say listen 5432: address already in use",
		"silently say nothing"} {
		if err := update("4", broken, "exit 1"); err == nil || !strings.Contains(err.Error(), "exit status 1") {
			t.Errorf("%s: the update gave %v", broken, err)
		}
		serves("3")
	}
	if err := update("5", "listen", "block"); err != nil {
		t.Fatal(err)
	}
	serves("5")
	close(stream)
	if r := receive(t, open); r.Version != "3" || r.FunctionError != "" {
		t.Errorf("the stream was answered by version %q with %q", r.Version, r.Payload)
	}
}

func TestAliasKeepsTheOldVersionWhenTheNewOneFails(t *testing.T) {
	old := newFixture(t, nil, nil, "serve")
	alias := NewAlias("live", old.Function)
	broken := newFixture(t, func(c *Config) { c.Version = "4"; c.ProvisionedConcurrency = 1 }, nil, "exit 1")
	if err := alias.Update(t.Context(), Route{Function: broken.Function}); err == nil ||
		!strings.Contains(err.Error(), "Runtime.ExitError") {
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
		if err := alias.Update(t.Context(), Route{Function: a.Function}, Route{Function: b.Function,
			Weight: c.weight}); err != nil {
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
	if err := alias.Update(t.Context(), Route{Function: a.Function}, Route{Function: b.Function,
		Weight: 1.5}); err == nil {
		t.Error("a weight of 1.5 was taken")
	}
	f := a.invoke(t, `{"do":"headers"}`)
	if strings.Contains(string(f.Payload), ":live") {
		t.Error("a direct invocation has the alias in its ARN")
	}
}

// TestAliasUpdateOfAnAppThatIgnoresItsPort: the new version cannot start beside the old one, so that
// it takes over the port while invocations wait, and what is open then has a moment to end. A version that
// cannot start does not get so far.
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

	if err := alias.Update(context.Background(), Route{Function: version("5", "exit 9")}); err == nil ||
		!strings.Contains(err.Error(), "exit status 9") {
		t.Errorf("the update to a broken version gave %v", err)
	}
	go ask()
	answered("4")

	// A version that says why it cannot start has not got as far as the port: what is open stays open.
	go ask()
	leave = one.gates.arrived(t, "g")
	if err := alias.Update(context.Background(), Route{Function: version("5",
		"exits say SyntaxError: invalid syntax")}); err == nil {
		t.Error("a broken version was deployed")
	}
	close(leave)
	if r := receive(t, answers); r.Version != "4" || r.FunctionError != "" {
		t.Errorf("version %s answered %q to what was open, function error %q", r.Version, r.Payload, r.FunctionError)
	}

	one.cfg.Limits.HandOver = 100 * time.Millisecond
	go alias.Invoke(context.Background(), Invocation{Event: []byte("open")})
	one.gates.arrived(t, "open") // and it stays: it is cut off
	if err := alias.Update(context.Background(), Route{Function: version("6")}); err != nil {
		t.Fatal(err)
	}
	go ask()
	answered("6")
}
