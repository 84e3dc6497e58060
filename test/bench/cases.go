//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// benchCase is one table of the report.
type benchCase struct {
	name, heading, note string
	run                 func(*bench, *results) error
}

// bench is one run: the adapters and how much of everything.
type bench struct {
	loop     *loop
	adapters []adapter
	rounds   int
	quick    bool
	floor    bool
	count    int // of invocations in a round, 0: the case's own
	gunicorn string
	appDir   string
}

// amount is the number of invocations of one round.
func (b *bench) amount(full int) int {
	switch {
	case b.count > 0:
		return b.count
	case b.quick:
		return max(full/10, 5)
	}
	return full
}

const (
	kb = 1000
	mb = 1000 * kb
)

// streamed are the settings of a streaming function.
var streamed = []string{"AWS_LWA_INVOKE_MODE=response_stream"}

// floorCase is a small exchange whose target is a ratio to the floor.
func floorCase() benchCase {
	nothing, small := payload{mediaType: "application/json"}, jsonBody(kb)
	return exchangeCase("floor", "REST API, GET, 1 KB back, beside the floor", "rest", nothing, small, 1500,
		floorLatency, 0)
}

// The targets, as ratios to the reference.
const (
	floorLatency = 1.6
	smallLatency = 0.6
	smallCPU     = 0.5
	textLatency  = 0.3
	binLatency   = 0.5
)

func cases() []benchCase {
	nothing, small := payload{mediaType: "application/json"}, jsonBody(kb)
	text100, text1 := htmlBody(100*kb), htmlBody(mb)
	binary := binaryBody(4500 * kb)
	return []benchCase{
		exchangeCase("rest-get", "REST API, GET, 1 KB back", "rest", nothing, small, 1500, smallLatency, smallCPU),
		exchangeCase("rest-post", "REST API, POST of 1 KB, 1 KB back", "rest", small, small, 1500, smallLatency,
			smallCPU),
		exchangeCase("http-post", "HTTP API (2.0), POST of 1 KB, 1 KB back", "http", small, small, 1500, smallLatency,
			smallCPU),
		exchangeCase("alb-post", "Application Load Balancer, POST of 1 KB, 1 KB back", "alb", small, small, 1500,
			smallLatency, smallCPU),
		exchangeCase("text-100k", "REST API, POST of 100 KB text, 100 KB back", "rest", text100, text100, 300, 0, 0),
		exchangeCase("text-1m-in", "REST API, POST of 1 MB text, 1 KB back", "rest", text1, small, 60, textLatency, 0),
		exchangeCase("text-1m-out", "REST API, GET, 1 MB text back", "rest", nothing, text1, 60, textLatency, 0),
		exchangeCase("binary-4m5-in", "REST API, POST of 4.5 MB binary, 1 KB back", "rest", binary, small, 20,
			binLatency, 0),
		exchangeCase("binary-4m5-out", "REST API, GET, 4.5 MB binary back", "rest", nothing, binary, 20, binLatency, 0),
		{"stream-20m", "Streaming, 20 MB", "The app sends chunks of 32 KB as fast as they are taken.",
			(*bench).streamThroughput},
		{"stream-first", "Streaming, first byte",
			"The app sends a second chunk only when the first one has come through.", (*bench).streamFirstByte},
		{"concurrent-64", "64 concurrent invocations",
			"`AWS_LAMBDA_MAX_CONCURRENCY=64`; the next invocation is there " +
				"when a worker asks for it. An adapter that asks with fewer workers gets fewer at once.",
			(*bench).concurrent},
		{"start", "Start",
			"The app begins to listen at a random time up to 300 ms after the start of the adapter, and " +
				"answers at once.", (*bench).start},
		{"memory", "Memory",
			"Idle is before the first invocation; the rest is 10 000 REST invocations of 1 KB later, and " +
				"after 4.5 MB both ways.", (*bench).memory},
		{"gunicorn", "gunicorn with Flask as the app", "The sample app, as its container runs it.",
			(*bench).gunicornExchange},
	}
}

func exchangeWorkload(source string, request, answer payload) workload {
	method := "POST"
	if len(request.bytes) == 0 {
		method = "GET"
	}
	return workload{method: method, request: request, reply: answer, gap: parkTime, event: newEvent(source, method,
		request)}
}

// exchangeCase measures invocations one at a time.
func exchangeCase(name, heading, source string, request, answer payload, count int, latency, cpu float64) benchCase {
	run := func(b *bench, r *results) error {
		w := exchangeWorkload(source, request, answer)
		return b.eachRound(r, func() (func(int, adapter) error, error) {
			took, err := exchangeDirectly(b.loop, w, b.amount(count))
			if err != nil {
				return nil, err
			}
			base := microseconds(took)
			return func(i int, a adapter) error {
				return b.exchange(r, i, a, w, b.amount(count), base, latency, cpu)
			}, nil
		})
	}
	return benchCase{name: name, heading: heading, run: run}
}

// eachRound begins every round once, and then runs it with every adapter in turn.
func (b *bench) eachRound(r *results, begin func() (func(int, adapter) error, error)) error {
	for range b.rounds {
		run, err := begin()
		if err != nil {
			return err
		}
		for i, a := range b.adapters {
			if err := run(i, a); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return nil
}

// eachAdapter is eachRound with nothing to begin with.
func (b *bench) eachAdapter(r *results, run func(int, adapter) error) error {
	return b.eachRound(r, func() (func(int, adapter) error, error) { return run, nil })
}

func (b *bench) exchange(r *results, i int, a adapter, w workload, count int, base []float64, latency,
	cpu float64) error {
	e, err := launch(b.loop, a, w, true)
	if err != nil {
		return err
	}
	defer e.stop()
	m, err := e.warmed(count/5+3, count)
	if err != nil {
		return err
	}
	r.addLatency(i, m, base, latency, cpu)
	return nil
}

// warmed serves some invocations that do not count, and then those that do.
func (e *environment) warmed(warmUp, count int) (*measured, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	workers, err := e.settle()
	if err != nil {
		return nil, err
	}
	if _, err := e.serve(warmUp, workers); err != nil {
		return nil, err
	}
	return e.serve(count, workers)
}

// addLatency notes the times of a batch; base are the sorted times of the same exchange without an adapter.
func (r *results) addLatency(i int, m *measured, base []float64, latency, cpu float64) {
	took := microseconds(m.took)
	r.add(figure{name: "latency p50", unit: "us"}, i, quantile(took, 0.5))
	r.add(figure{name: "latency p99", unit: "us"}, i, quantile(took, 0.99))
	r.add(figure{name: "added p50", unit: "us", ratio: latency}, i, quantile(took, 0.5)-quantile(base, 0.5))
	if m.count >= 100 {
		r.add(figure{name: "added p99", unit: "us", ratio: latency}, i, quantile(took, 0.99)-quantile(base, 0.5))
	}
	r.add(figure{name: "added mean", unit: "us"}, i, mean(took)-mean(base))
	r.add(figure{name: "CPU per invocation", unit: "us", ratio: cpu}, i, m.perInvocation(m.cpu))
	r.add(figure{name: "context switches per invocation", unit: "", digits: 1}, i, float64(m.switches)/float64(m.count))
}

func (b *bench) streamThroughput(r *results) error {
	w := exchangeWorkload("rest", payload{mediaType: "application/json"}, binaryBody(20*mb))
	w.env, w.streams = streamed, true
	return b.eachAdapter(r, func(i int, a adapter) error {
		e, err := launch(b.loop, a, w, true)
		if err != nil {
			return err
		}
		defer e.stop()
		m, err := e.warmed(2, b.amount(15))
		if err != nil {
			return err
		}
		took := microseconds(m.took)
		r.add(figure{name: "throughput", unit: "MB/s", ratio: 1.5, moreBetter: true}, i, 20*1e6/quantile(took, 0.5))
		r.add(figure{name: "CPU per invocation", unit: "us"}, i, m.perInvocation(m.cpu))
		r.add(figure{name: "CPU of the bench per invocation", unit: "us"}, i, m.perInvocation(m.own))
		r.add(figure{name: "resident", unit: "MB", digits: 1}, i, float64(m.after.resident)/1e6)
		return nil
	})
}

func (b *bench) streamFirstByte(r *results) error {
	w := exchangeWorkload("rest", payload{mediaType: "application/json"}, htmlBody(streamChunk+kb))
	w.env, w.streams, w.held = streamed, true, true
	return b.eachAdapter(r, func(i int, a adapter) error {
		e, err := launch(b.loop, a, w, true)
		if err != nil {
			return err
		}
		defer e.stop()
		count := b.amount(150)
		m, err := e.warmed(count/5, count)
		if err != nil {
			return err
		}
		first := microseconds(m.firstByte)
		r.add(figure{name: "first byte p50", unit: "us", ratio: 0.7}, i, quantile(first, 0.5))
		r.add(figure{name: "first byte p99", unit: "us"}, i, quantile(first, 0.99))
		r.add(figure{name: "CPU per invocation", unit: "us"}, i, m.perInvocation(m.cpu))
		return nil
	})
}

func (b *bench) concurrent(r *results) error {
	w := exchangeWorkload("rest", jsonBody(kb), jsonBody(kb))
	w.gap, w.workers = 0, 64
	w.env = []string{"AWS_LAMBDA_MAX_CONCURRENCY=64"}
	return b.eachAdapter(r, func(i int, a adapter) error {
		e, err := launch(b.loop, a, w, true)
		if err != nil {
			return err
		}
		defer e.stop()
		count := b.amount(20000)
		m, err := e.warmed(count/5, count)
		if err != nil {
			return err
		}
		took := microseconds(m.took)
		r.add(figure{name: "workers", unit: ""}, i, float64(len(e.api.parked)))
		r.add(figure{name: "throughput", unit: "1/s", ratio: 1.5, moreBetter: true}, i,
			float64(count)/m.elapsed.Seconds())
		r.add(figure{name: "latency p50", unit: "us"}, i, quantile(took, 0.5))
		r.add(figure{name: "latency p99", unit: "us"}, i, quantile(took, 0.99))
		r.add(figure{name: "CPU per invocation", unit: "us"}, i, m.perInvocation(m.cpu))
		r.add(figure{name: "CPU of the bench per invocation", unit: "us"}, i, m.perInvocation(m.own))
		r.add(figure{name: "resident", unit: "MB", digits: 1}, i, float64(m.after.resident)/1e6)
		return nil
	})
}

// start measures what a cold start waits for.
func (b *bench) start(r *results) error {
	w := exchangeWorkload("rest", payload{mediaType: "application/json"}, jsonBody(kb))
	return b.eachAdapter(r, func(i int, a adapter) error {
		var registers, polls []float64
		for range b.amount(10) {
			register, poll, err := b.startOnce(a, w)
			if err != nil {
				return err
			}
			registers = append(registers, register.Seconds()*1e3)
			polls = append(polls, poll.Seconds()*1e3)
		}
		size, err := os.Stat(a.path)
		if err != nil {
			return err
		}
		r.add(figure{name: "process start to register", unit: "ms", digits: 2, ratio: 1, ceiling: 2.5}, i,
			median(registers))
		r.add(figure{name: "app listens to first poll", unit: "ms", digits: 2, ratio: 0.15, ceiling: 0.5}, i,
			median(polls))
		r.add(figure{name: "binary", unit: "MB", digits: 2, ratio: 1, ceiling: 3}, i, float64(size.Size())/1e6)
		return nil
	})
}

func (b *bench) startOnce(a adapter, w workload) (register, poll time.Duration, err error) {
	e, err := launch(b.loop, a, w, false)
	if err != nil {
		return 0, 0, err
	}
	defer e.stop()
	if err := e.until(func() bool { return !e.api.registered.IsZero() }); err != nil {
		return 0, 0, err
	}
	opening := e.adapter.started.Add(20*time.Millisecond + rand.N(280*time.Millisecond))
	for time.Now().Before(opening) {
		b.loop.poll(int(time.Until(opening).Milliseconds()))
	}
	opened := time.Now()
	if err := b.loop.listen(e.app.at); err != nil {
		return 0, 0, err
	}
	if err := e.ready(); err != nil {
		return 0, 0, err
	}
	return e.api.registered.Sub(e.adapter.started), e.api.polled.Sub(opened), nil
}

func (b *bench) memory(r *results) error {
	small := exchangeWorkload("rest", jsonBody(kb), jsonBody(kb))
	small.gap = 0
	large := exchangeWorkload("rest", binaryBody(4500*kb), binaryBody(4500*kb))
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = min(b.rounds, 3) // it does not vary
	resident := func(e *environment) (float64, error) {
		rest(50 * time.Millisecond)
		u, err := e.adapter.usage()
		return float64(u.resident) / 1e6, err
	}
	return b.eachAdapter(r, func(i int, a adapter) error {
		e, err := launch(b.loop, a, small, true)
		if err != nil {
			return err
		}
		defer e.stop()
		if err := e.ready(); err != nil {
			return err
		}
		idle, err := resident(e)
		if err != nil {
			return err
		}
		r.add(figure{name: "resident idle", unit: "MB", digits: 1, ratio: 1}, i, idle)
		if _, err := e.serve(b.amount(10000), 1); err != nil {
			return err
		}
		after, err := resident(e)
		if err != nil {
			return err
		}
		r.add(figure{name: "resident after 10 000 invocations", unit: "MB", digits: 1, ratio: 1}, i, after)
		e.become(large)
		if _, err := e.serve(5, 1); err != nil {
			return err
		}
		after, err = resident(e)
		r.add(figure{name: "resident after 4.5 MB both ways", unit: "MB", digits: 1}, i, after)
		return err
	})
}

// become changes what the adapter has to do.
func (e *environment) become(w workload) {
	e.work, e.reply = w, &reply{body: w.reply}
	e.app.line, e.app.body, e.app.response = []byte(w.method+" "+target+" "), w.request.bytes, wholeResponse(w.reply)
}

// findGunicorn finds the sample app and the gunicorn that its tests have installed.
func findGunicorn(root string) (gunicorn, appDir string) {
	return filepath.Join(root, ".lambda-web", "venv-app-tests", "bin", "gunicorn"), filepath.Join(root, "app")
}
