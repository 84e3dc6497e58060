package container_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-web/test/launch"
)

// dailyUse is the sample app in container mode, in a folder of its own. Its image is built when it returns.
type dailyUse struct {
	daemon *testDaemon
	app    string
	args   []string
}

func newDailyUse(b *testing.B) *dailyUse {
	b.Helper()
	d := useDaemon(b)
	d.provideBase(b)
	u := &dailyUse{daemon: d, app: filepath.Join(b.TempDir(), "app")}
	if err := os.CopyFS(u.app, os.DirFS(filepath.Join(d.root, "app"))); err != nil {
		b.Fatal(err)
	}
	bin := filepath.Join(d.root, ".lambda-web", "bin")
	u.args = []string{"-root", d.root, "-bin", bin, "-port", "0", "-mode", "container", "-app", u.app}
	cloud := u.start(b)
	u.get(b, cloud, "")
	if err := cloud.Stop(); err != nil {
		b.Fatal(err)
	}
	return u
}

func (u *dailyUse) start(b *testing.B) *launch.Cloud {
	b.Helper()
	cloud, err := launch.Start(exec.Command(filepath.Join(u.daemon.root, ".lambda-web", "bin", "local"), u.args...),
		5*time.Minute, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cloud.Kill)
	return cloud
}

// get asks until the first page is there and has the text.
func (u *dailyUse) get(b *testing.B, cloud *launch.Cloud, text string) {
	b.Helper()
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		answer, err := http.Get(cloud.URL + "/")
		if err != nil {
			b.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK && strings.Contains(string(body), text) {
			return
		}
		if time.Now().After(limit) {
			b.Fatalf("waited for %q in vain: %d %s\n%s", text, answer.StatusCode, body, cloud.Log())
		}
	}
}

// BenchmarkStart is from the start of the local cloud to the first 200, with the image cached.
func BenchmarkStart(b *testing.B) {
	u := newDailyUse(b)
	for b.Loop() {
		cloud := u.start(b)
		u.get(b, cloud, "")
		b.StopTimer()
		if err := cloud.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkChange is from the change of a file of the app to the first answer of the new version.
func BenchmarkChange(b *testing.B) {
	u := newDailyUse(b)
	cloud := u.start(b)
	file := filepath.Join(u.app, "app.py")
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		status := fmt.Sprintf("changed %d, %d", i, time.Now().UnixNano())
		changed := strings.ReplaceAll(string(text), `"healthy"`, fmt.Sprintf("%q", status))
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			b.Fatal(err)
		}
		u.get(b, cloud, status)
	}
}
