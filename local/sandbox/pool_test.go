package sandbox

import (
	"bytes"
	"strings"
	"testing"
)

func TestManyAtOnce(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxConcurrency = 4 },
		extensionScripts{"lambda-adapter": "register;events background;serve"}, "block")
	f.invokeFromMany(t)
	if s := f.Stats(); s.Sandboxes > 4 {
		t.Errorf("stats %+v", s)
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
	want := "p | one\np | two\np | \np | three\np | " + long[:longestLine] + "\np | " +
		long[longestLine:] + "\np | end\n"
	if got.String() != want {
		t.Errorf("got %d bytes, want %d: %.80q", got.Len(), len(want), got.String())
	}
}
