package logging

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func newLogger(level Level, asJSON bool) (*Logger, *strings.Builder) {
	var out strings.Builder
	l := New(&out, level, asJSON)
	l.now = func() time.Time { return time.Date(2026, 11, 23, 1, 2, 3, 456789000, time.FixedZone("", 3600)) }
	return l, &out
}

func TestText(t *testing.T) {
	l, out := newLogger(Info, false)
	l.Write(Warn, []byte("id1"), "two\nlines")
	l.Write(Info, nil, "outside")
	want := "2026-11-23T00:02:03.456Z WARN lambda-adapter: two | lines requestId=id1\n" +
		"2026-11-23T00:02:03.456Z INFO lambda-adapter: outside\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestJSON(t *testing.T) {
	l, out := newLogger(Debug, true)
	l.Write(Error, []byte("id1"), "quote \" and\nline \xff")
	l.Write(Debug, nil, "x")
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got["timestamp"] != "2026-11-23T00:02:03.456Z" || got["level"] != "ERROR" || got["requestId"] != "id1" ||
		got["message"] != "quote \" and\nline \uFFFD" {
		t.Errorf("%v", got)
	}
	if strings.Contains(lines[1], "requestId") {
		t.Errorf("%s", lines[1])
	}
}

func TestLevelsAndOnce(t *testing.T) {
	l, out := newLogger(Warn, false)
	l.Write(Info, nil, "dropped")
	for range 3 {
		l.Once("key", Warn, nil, "once")
		l.Once("other", Fatal, nil, "other")
	}
	if got := strings.Count(out.String(), "\n"); got != 2 || strings.Contains(out.String(), "dropped") {
		t.Errorf("%s", out)
	}
	if l.Enabled(Info) || !l.Enabled(Warn) {
		t.Error("Enabled does not agree with what is written")
	}
}
