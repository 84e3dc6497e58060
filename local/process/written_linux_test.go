package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// writer is an app's process, which writes again and again to files that it keeps open.
const writer = `mkdir -p logs __pycache__; exec 3>>app.log 4>>logs/new.log 5>>__pycache__/x 6>>x.pyc 7<source
while :; do echo x >&3; echo x >&4; echo x >&5; echo x >&6; read -r line <&7; sleep 0.01; done`

func TestFollowWrites(t *testing.T) {
	app := filepath.Join(t.TempDir(), "app")
	real := filepath.Join(t.TempDir(), "real")
	err := errors.Join(os.Mkdir(real, 0o755), os.Symlink(real, app),
		os.WriteFile(filepath.Join(real, "source"), []byte("1"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("/bin/sh", "-c", writer)
	command.Dir = app
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait()
	defer command.Process.Kill()
	told := make(chan string, 1000)
	stop, err := FollowWrites(app, func() []int { return []int{command.Process.Pid} },
		func(file string) { told <- file })
	if err != nil {
		t.Fatal(err)
	}
	// A developer with an editor.
	for _, file := range []string{"edited.py", "source"} {
		if err := os.WriteFile(filepath.Join(app, file), []byte("2"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for limit := time.After(time.Minute); len(got) < 2; {
		select {
		case file := <-told:
			got[file]++
		case <-limit:
			t.Fatalf("told %v", got)
		}
	}
	stop()
	close(told)
	for file := range told {
		got[file]++
	}
	if len(got) != 2 || got["app.log"] != 1 || got["logs/new.log"] != 1 {
		t.Errorf("told %v, want app.log and logs/new.log, once each", got)
	}
}

func TestFollowWritesOfNoFolder(t *testing.T) {
	if _, err := FollowWrites(filepath.Join(t.TempDir(), "none"), func() []int { return nil }, nil); err == nil {
		t.Error("no error")
	}
}
