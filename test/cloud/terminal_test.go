//go:build linux

package cloud

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// console is a terminal on which the local cloud runs.
type console struct {
	t       *testing.T
	master  *os.File
	command *exec.Cmd
	ended   chan struct{}

	mu    sync.Mutex
	text  string
	grown *sync.Cond
}

const columns = 60

// onTerminal starts the local cloud on a pseudo terminal (pty(7)) of its own.
func onTerminal(t *testing.T, environment []string, args ...string) *console {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24,
		Col: columns}); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"-bin", bin, "-mode", "process", "-port", "0", "-c", fmt.Sprintf("port=%d",
		freePort(t))}, args...)
	command := exec.Command(filepath.Join(bin, "local"), arguments...)
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); name != "CI" && name != "NO_COLOR" && name != "TERM" {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, append([]string{"TERM=xterm-256color"}, environment...)...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	c := &console{t: t, master: master, command: command, ended: make(chan struct{})}
	c.grown = sync.NewCond(&c.mu)
	go c.follow()
	t.Cleanup(func() {
		command.Process.Kill()
		<-c.ended
		master.Close()
		if t.Failed() {
			t.Logf("the terminal shows:\n%s", c.shown())
		}
	})
	return c
}

func (c *console) follow() {
	buffer := make([]byte, 4<<10)
	for {
		n, err := c.master.Read(buffer)
		c.mu.Lock()
		c.text += string(buffer[:n])
		c.mu.Unlock()
		c.grown.Broadcast()
		if err != nil { // nobody has the terminal open any more
			break
		}
	}
	c.command.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.ended)
	c.grown.Broadcast()
}

func (c *console) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text
}

// await waits for a match behind what was shown before, and returns its groups.
func (c *console) await(from int, pattern string) []string {
	c.t.Helper()
	expression := regexp.MustCompile(pattern)
	late := false
	alarm := time.AfterFunc(30*time.Second, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.grown.Broadcast()
	})
	defer alarm.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if found := expression.FindStringSubmatch(c.text[from:]); found != nil {
			return found
		}
		select {
		case <-c.ended:
			late = true
		default:
		}
		if late {
			c.t.Fatalf("the terminal does not show %q:\n%s", pattern, c.text[from:])
		}
		c.grown.Wait()
	}
}

func (c *console) press(key string) { c.master.WriteString(key) }

const addressAlone = `\r\n\r\n  (?:\x1b\[1m)?(http://[^\s\x1b]+)(?:\x1b\[m)?\r\n\r\n`

// A request is one line, with the app's lines below it; a change and its failure are told; keys do what they say.
func TestTerminal(t *testing.T) {
	app := t.TempDir()
	if err := os.CopyFS(app, os.DirFS(streamApp)); err != nil {
		t.Fatal(err)
	}
	c := onTerminal(t, nil, "-app", app)
	url := c.await(0, addressAlone)[1]
	// What the app has said of the readiness check may arrive after the address.
	last := regexp.MustCompile(regexp.QuoteMeta(url) + `\x1b\[m\r\n\r\n(?: *asked for /\r\n)*(?:\r\n)?$`)
	if shown := c.shown(); strings.Contains(shown, "arn:aws:") || strings.Contains(shown, "REPORT") ||
		!last.MatchString(shown) {
		t.Errorf("the start shows\n%q", shown)
	}
	get := func(path string) {
		t.Helper()
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	get("/hello")
	c.await(0, `GET /hello 200 [0-9.]+ ms  \x1b\[2mwarm, init [0-9.]+ m?s before, sandbox-1\x1b\[m\r\n  asked for /hello\r\n`)
	get("/again")
	c.await(0, `GET /again 200 [0-9.]+ ms  \x1b\[2mwarm, sandbox-1\x1b\[m\r\n  asked for /again\r\n`)
	get("/" + strings.Repeat("a-long-path/", 20) + "end")
	c.await(0, `GET /a-long-path[^\r]*…[^\r]*/end 200 `)

	before := len(c.shown())
	source := filepath.Join(app, "app.py")
	text, _ := os.ReadFile(source)
	if err := os.WriteFile(source, append(text, "("...), 0o644); err != nil {
		t.Fatal(err)
	}
	c.await(before,
		`(?s)Changed: .*\x1b\[31m[^\r]*.*Runtime.ExitError.*Not deployed; what served before goes on serving\.`)
	if err := os.WriteFile(source, []byte(strings.Replace(string(text), `"one"`, `"two"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	c.await(before, `Deployed `)
	before = len(c.shown())
	c.press("r")
	c.await(before, `Restarted in `)
	get("/restarted")
	c.await(before, `GET /restarted 200 [0-9.]+ ms  \x1b\[2mwarm, init `)
	c.press("q")
	<-c.ended
	if code := c.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("q ended it with code %d", code)
	}
	for line := range strings.SplitSeq(c.shown(), "\r\n") {
		if width := ansi.StringWidth(line); width > columns && !strings.Contains(line, app) &&
			!strings.HasPrefix(line, "asked for /a-long-path/") {
			t.Errorf("a line of %d columns: %q", width, line)
		}
	}
}

// NO_COLOR takes the colours; a build server, LOG=cloudwatch and anything that is no terminal get the lines of
// CloudWatch, LOG=platform has them beside the requests.
func TestTerminalThatIsToldOtherwise(t *testing.T) {
	for rule, test := range map[string]struct {
		environment, args []string
		address           string
		has, hasNot       string
	}{
		"NO_COLOR": {[]string{"NO_COLOR=1"}, nil, addressAlone, `\r\nGET /x 200 [0-9.]+ ms  warm, init`,
			`\x1b|REPORT`},
		"CI": {[]string{"CI=true"}, nil, ` url +: +(http\S+)`, `sandbox-1 \| REPORT RequestId`,
			`\x1b|GET /x 200`},
		"LOG=cloudwatch": {nil, []string{"-log", "cloudwatch"}, ` url +: +(http\S+)`, `sandbox-1 \| REPORT RequestId`,
			`\x1b|GET /x 200`},
		"front: cloudfront": {nil, []string{"-c", "front=cloudfront"}, addressAlone,
			`(?s)The stage's own URL: http://[0-9.:]+/v1.*  \x1b\[1mhttp://[0-9.:]+\x1b\[m\r\n\r\n.*GET /x 200 `, `REPORT`},
		"LOG=platform": {nil, []string{"-log", "platform"}, addressAlone,
			`GET /x 200 [^$]*\x1b\[2mREPORT RequestId`, `sandbox-1 \|`},
	} {
		t.Run(rule, func(t *testing.T) {
			c := onTerminal(t, test.environment, append([]string{"-watch=false", "-app", streamApp}, test.args...)...)
			url := c.await(0, test.address)[1]
			if strings.HasPrefix(test.address, "url") {
				c.await(0, `Ready in `)
			}
			response, err := http.Get(url + "/x")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			c.await(0, test.has)
			c.press("\x03") // Control-C
			<-c.ended
			if found := regexp.MustCompile(test.hasNot).FindString(c.shown()); found != "" {
				t.Errorf("the terminal shows %q:\n%s", found, c.shown())
			}
		})
	}
}
