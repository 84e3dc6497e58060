package cloud

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// writesApp keeps a log open beside itself, one in a folder, and one in a folder that the settings make writable.
const writesApp = `import http.server, os
logs = [open(name, "a") for name in ("app.log", "logs/access.log", "instance/data.log")]
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        for log in logs:
            log.write("x\n")
            log.flush()
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Page).serve_forever()
`

// In process mode the app may write beside itself; that Lambda will not let it is said once for each file.
func TestWritesBesideTheApp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shows which files a process has open")
	}
	app := t.TempDir()
	for name, text := range map[string]string{"app.py": writesApp, "Procfile": "web: exec python3 -u app.py\n",
		"logs/access.log": "", "instance/data.log": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(app, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(app, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, "-app", app, "-c", `writable=["/srv/instance"]`)
	said := func(file string) int { return strings.Count(c.Log(), "lambda-web: the app writes "+file+" in ") }
	for limit := time.Now().Add(patience); said("app.log") == 0 || said("logs/access.log") == 0; {
		if c.do("GET", "/", nil); time.Now().After(limit) {
			t.Fatal("it does not say what the app writes")
		}
	}
	for range 3 {
		c.do("GET", "/", nil)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if said("app.log") != 1 || said("logs/access.log") != 1 || said("instance/data.log") != 0 {
		t.Errorf("app.log %d times, logs/access.log %d times, instance/data.log %d times, want 1, 1, 0",
			said("app.log"), said("logs/access.log"), said("instance/data.log"))
	}
}
