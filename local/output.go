package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/monitor"
	"lambda-web/local/sandbox"
	"lambda-web/local/terminal"
)

// What the local cloud shows. On a terminal that is a screen with a line per request; elsewhere, and with
// LOG=cloudwatch, lines as CloudWatch has them.

// What LOG may be.
const (
	shortLog      = "short"
	platformLog   = "platform"
	cloudwatchLog = "cloudwatch"
)

// newScreen is the screen of a terminal, or nil.
func newScreen(o options) *terminal.Screen {
	if o.log == cloudwatchLog || !terminal.Is(os.Stdout) {
		return nil
	}
	return terminal.New(terminal.Config{
		Out: os.Stdout, Width: func() int { return terminal.Width(os.Stdout) },
		Colour: terminal.Colours(), Platform: o.log == platformLog,
	})
}

// observe adds the screen to those who watch the cloud.
func (p *place) observe(s *monitor.Settings) {
	s.Lines, s.Log = os.Stdout, os.Stdout
	s.Terminal = onTerminal(os.Stdout)
	if p.screen == nil {
		return
	}
	s.Lines, s.Log = nil, p.screen
	s.ObserveGateway = both(s.ObserveGateway, func(r gateway.Record) { p.screen.Gateway(r) })
	s.ObserveSandbox = both(s.ObserveSandbox, func(r sandbox.Record) { p.screen.Sandbox(r) })
}

// onTerminal is the file if it is a terminal, or nil.
func onTerminal(file *os.File) *os.File {
	if terminal.Is(file) {
		return file
	}
	return nil
}

// both calls one observer after the other; the first may be missing.
func both[R any](first, second func(R)) func(R) {
	if first == nil {
		return second
	}
	return func(r R) {
		first(r)
		second(r)
	}
}

// tell is for what is good to know on a terminal, and the whole story elsewhere.
func (p *place) tell(format string, arguments ...any) {
	if p.screen != nil {
		p.screen.Aside(format, arguments...)
		return
	}
	fmt.Printf(format+"\n", arguments...)
}

// failed tells what did not work and what that means.
func (p *place) failed(consequence string, err error) {
	if p.screen != nil {
		if cause := (*sandbox.StartError)(nil); errors.As(err, &cause) {
			// Its output is above. Which version of which function it is comes last with us: the reason comes first.
			if at := strings.Index(err.Error(), cause.Error()); at >= 0 {
				err = errors.New(err.Error()[at:])
			}
		}
		p.screen.Fail(err, consequence)
		return
	}
	fmt.Printf("%s %v\n\n", consequence, err)
}

// deployed tells what a change has brought.
func (p *place) deployed(what string, took time.Duration, changed bool) {
	text := fmt.Sprintf("%s in %s.", what, took.Round(10*time.Millisecond))
	if changed {
		text = fmt.Sprintf("%s, %s after the change.", what, took.Round(10*time.Millisecond))
	}
	if p.screen != nil {
		p.screen.Say("%s", text)
		p.screen.Space()
		return
	}
	fmt.Printf("%s\n\n", text)
}

// ready tells once that requests are served, and where.
func (p *place) ready(d *monitor.Deployment) {
	p.saveOutputs(d)
	if p.screen == nil {
		printOutputs(os.Stdout, d.Outputs)
	}
	if mute := d.Mute(); len(mute) > 0 {
		p.tell("\nWithout effect on this machine: %s", strings.Join(mute, ", "))
	}
	p.listSchedules(d)
	if d.Signed() {
		p.signed()
	}
	took := time.Since(p.began).Round(10 * time.Millisecond)
	if p.screen == nil {
		fmt.Printf("\nReady in %s. Stop with Ctrl-C.\n\n", took)
		return
	}
	keys := ""
	if p.keys {
		keys = " Keys: o opens the site, c the console, r restarts the app, q ends."
	}
	p.screen.Aside("Ready in %s.%s", took, keys)
	if d.HasSite() {
		p.screen.Aside("The stage's own URL: %s", d.Outputs["url"])
	}
	p.screen.Address(p.siteURL(d))
}

func (p *place) signed() {
	const text = "\nThe API takes signed requests only. These credentials are valid here, and nowhere else:"
	lines := []string{"    export AWS_ACCESS_KEY_ID=" + monitor.AccessKeyID, "    export AWS_SECRET_ACCESS_KEY=" +
		monitor.SecretAccessKey}
	if p.screen == nil {
		fmt.Println(text + "\n" + strings.Join(lines, "\n"))
		return
	}
	p.screen.Say("%s", strings.TrimSpace(text))
	for _, line := range lines {
		p.screen.Say("%s", line)
	}
}

// siteURL is where the app is called: at the site in front of the API, if there is one.
func (p *place) siteURL(d *monitor.Deployment) string {
	if d == nil {
		return p.baseURL
	}
	for _, name := range []string{"siteUrl", "url"} {
		if url, ok := d.Outputs[name].(string); ok {
			return url
		}
	}
	return p.baseURL
}

// printOutputs shows the stack outputs as "pulumi up" does.
func printOutputs(w io.Writer, outputs map[string]any) {
	width := 0
	for name := range outputs {
		width = max(width, len(name))
	}
	fmt.Fprintln(w, "\nOutputs:")
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		value, ok := outputs[name].(string)
		if !ok {
			encoded, _ := json.Marshal(outputs[name])
			value = string(encoded)
		}
		fmt.Fprintf(w, "    %s%s: %s\n", name, strings.Repeat(" ", width-len(name)), value)
	}
}

// saveOutputs leaves the stack's outputs where "make outputs WHERE=local" finds them.
func (p *place) saveOutputs(d *monitor.Deployment) {
	var text strings.Builder
	printOutputs(&text, d.Outputs)
	folder := filepath.Join(p.cache, "outputs")
	if os.MkdirAll(folder, 0o755) == nil {
		os.WriteFile(filepath.Join(folder, p.stack), []byte(text.String()), 0o644)
	}
}

// press does what a key stands for.
func (p *place) press(ctx context.Context, key byte) {
	switch key {
	case 'o':
		p.browse(p.siteURL(p.deployment.Load()))
	case 'c':
		if p.console == nil {
			p.tell("There is no console: CONSOLE=off")
			return
		}
		p.browse(p.consoleURL)
	case 'r':
		select {
		case p.restart <- struct{}{}:
		default: // one is due already
		}
	case 'q', 4: // Control-D
		p.end()
	}
}

// browse opens a page in the user's browser.
func (p *place) browse(url string) {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	command := exec.Command(opener, url)
	if err := command.Start(); err != nil {
		p.tell("No browser can be opened here (%s): %s", opener, url)
		return
	}
	go command.Wait()
}
