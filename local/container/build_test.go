package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestABuildIsStopped: the end of the program ends a build and every process of it within two seconds, also one that
// does not listen.
func TestABuildIsStopped(t *testing.T) {
	for name, script := range map[string]string{
		"one that listens":         "sleep 1000 & echo $! > PID; wait",
		"one that does not listen": "trap '' INT TERM; sleep 1000 & echo $! > PID; while :; do wait; done",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			engine(t, usualSocket, isDocker)
			pidFile := filepath.Join(t.TempDir(), "pid")
			m.command(t, "docker", `[ "$1" = build ] || exit 1; PATH=/bin:/usr/bin; `+strings.ReplaceAll(script,
				"PID", pidFile))
			e, err := Find(context.Background(), ".", t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				_, err := e.Build(ctx, Source{Context: folder, Dockerfile: filepath.Join(folder, "Dockerfile"),
					Platform: "linux/amd64", Name: "a:1"})
				ended <- err
			}()
			var pid int
			eventually(t, "the build", func() bool {
				text, _ := os.ReadFile(pidFile)
				pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return pid > 0
			})
			stopped := time.Now()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the build ends with %v", err)
			}
			gone(t, []int{pid})
			if took := time.Since(stopped); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestOldImages: what earlier starts have left goes, but for the newest.
func TestOldImages(t *testing.T) {
	e := &Engine{images: map[string]*Image{"a": {ID: "sha256:9"}, "b": {ID: "sha256:0"}}}
	var lines, want []string
	for i := 9; i >= 0; i-- {
		lines = append(lines, fmt.Sprintf("sha256:%d lambda-web/x:%d", i, i))
	}
	for i := 3; i >= 1; i-- {
		want = append(want, fmt.Sprintf("lambda-web/x:%d", i))
	}
	if got := e.old(lines); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := e.old([]string{""}); len(got) > 0 {
		t.Errorf("of nothing: got %v", got)
	}
}
