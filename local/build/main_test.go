package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Package lines are counted, a compiler's errors are passed on, and a short build is silent.
func TestProgress(t *testing.T) {
	start := time.Unix(0, 0)
	var out bytes.Buffer
	p := &progress{out: &out, target: "infra", start: start}
	p.line("runtime/internal/sys", start.Add(time.Second))
	if out.Len() != 0 {
		t.Errorf("said %q within the quiet time", out.String())
	}
	p.line("go: downloading example.com/m v1.0.0", start.Add(3*time.Second))
	p.line("example.com/m/a", start.Add(4*time.Second))
	p.line("# lambda-web/infra", start.Add(5*time.Second))
	p.line("infra/main.go:3:1: syntax error", start.Add(5*time.Second))
	p.line("example.com/m/b", start.Add(14*time.Second))
	want := []string{
		"Building infra (the first time takes some minutes): 3s, 1 modules downloaded, 1 packages compiled",
		"# lambda-web/infra",
		"infra/main.go:3:1: syntax error",
		"Building infra (the first time takes some minutes): 14s, 1 modules downloaded, 3 packages compiled",
	}
	if got := strings.TrimSpace(out.String()); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}

	out.Reset()
	p = &progress{out: &out, silent: true, target: "infra", start: start}
	p.line("example.com/m/a", start.Add(time.Minute))
	p.line("infra/main.go:3:1: syntax error", start.Add(time.Minute))
	if out.String() != "infra/main.go:3:1: syntax error\n" {
		t.Errorf("the silent build said %q", out.String())
	}
}
