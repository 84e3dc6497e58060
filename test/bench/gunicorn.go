//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	helloPath = "/api/hello"
	helloBody = `{"message":"Hello, bench!"}` + "\n"
)

// gunicornExchange measures the sample app under gunicorn, by way of the adapter and without it.
func (b *bench) gunicornExchange(r *results) error {
	if _, err := os.Stat(b.gunicorn); err != nil {
		r.note = "Left out: gunicorn is not installed here; \"make test-app\" installs it."
		return nil
	}
	w := helloWorkload()
	return b.eachRound(r, func() (func(int, adapter) error, error) {
		count := b.amount(300)
		app, port, err := b.startGunicorn()
		if err != nil {
			return nil, err
		}
		defer app.stop()
		base, err := helloDirectly(port, count)
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, app.said())
		}
		return func(i int, a adapter) error { return b.gunicornRound(r, i, a, w, count, base) }, nil
	})
}

func (b *bench) gunicornRound(r *results, i int, a adapter, w workload, count int, base []float64) error {
	app, port, err := b.startGunicorn()
	if err != nil {
		return err
	}
	defer app.stop()
	e := &environment{loop: b.loop, work: w, reply: &reply{body: w.reply}}
	if err := e.start(a, port, "/"); err != nil {
		return err
	}
	defer e.stop()
	m, err := e.warmed(count/5, count)
	if err != nil {
		return err
	}
	took := microseconds(m.took)
	r.add(figure{name: "latency p50", unit: "us"}, i, quantile(took, 0.5))
	r.add(figure{name: "latency p99", unit: "us"}, i, quantile(took, 0.99))
	r.add(figure{name: "added p50", unit: "us"}, i, quantile(took, 0.5)-quantile(base, 0.5))
	r.add(figure{name: "CPU per invocation", unit: "us"}, i, m.perInvocation(m.cpu))
	return nil
}

// helloWorkload asks the sample app for a greeting.
func helloWorkload() workload {
	event := newEvent("rest", "GET", payload{mediaType: "application/json"})
	event = bytes.ReplaceAll(event, []byte("/bench/items/42"), []byte(helloPath))
	event = bytes.ReplaceAll(event, []byte(`{"page":"7"}`), []byte(`{"name":"bench"}`))
	event = bytes.ReplaceAll(event, []byte(`{"page":["7"]}`), []byte(`{"name":["bench"]}`))
	return workload{event: event, gap: parkTime, reply: payload{mediaType: "application/json",
		bytes: []byte(helloBody)}}
}

// startGunicorn runs the sample app the way its container does, and waits until it answers.
func (b *bench) startGunicorn() (app *process, port int, err error) {
	at, err := b.loop.bind(nil, nil)
	if err != nil {
		return nil, 0, err
	}
	port = at.port
	b.loop.close(at)
	env := append(os.Environ(), "PORT="+strconv.Itoa(port), "PYTHONDONTWRITEBYTECODE=1")
	app, err = start(b.gunicorn, []string{"-c", "gunicorn.conf.py", "app:app"}, env, b.appDir)
	if err != nil {
		return nil, 0, err
	}
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err = helloDirectly(port, 1); err == nil {
			return app, port, nil
		}
		if time.Now().After(limit) || app.ended.Load() {
			err = fmt.Errorf("gunicorn does not answer: %w\n%s", err, app.said())
			app.stop()
			return nil, 0, err
		}
	}
}

// helloDirectly returns the sorted times of exchanges with the sample app.
func helloDirectly(port, count int) ([]float64, error) {
	d := &direct{port: port, count: count, gap: parkTime,
		request: []byte("GET " + helloPath + "?name=bench HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")}
	d.check = func(response []byte) error {
		if !strings.HasSuffix(string(response), "\r\n\r\n"+helloBody) {
			return fmt.Errorf("the sample app gave a wrong response: %s", excerpt(response))
		}
		return nil
	}
	d.run()
	if d.err != nil {
		return nil, d.err
	}
	return microseconds(d.took), nil
}
