// Command build compiles the programs that "make local" runs and shows how far it is: the first
// build compiles the Pulumi SDK, which takes minutes.
//
//	go run ./local/build [-static] [-ahead PACKAGE] -o FOLDER PACKAGE...
//
// Each package's program is written to FOLDER under the name of its folder; NAME=PACKAGE gives another name.
// -static builds without cgo, as for a container. Without it the flags are those of Pulumi's language host, so
// that "pulumi up" finds everything compiled. -ahead names what will be built next: its modules are downloaded and
// unpacked in the meantime.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	folder := flag.String("o", "bin", "folder for the programs")
	static := flag.Bool("static", false, "build without cgo")
	silent := flag.Bool("silent", false, "say nothing but errors")
	ahead := flag.String("ahead", "", "package whose modules are downloaded in the meantime")
	flag.Parse()
	if *ahead != "" {
		defer download(*ahead)()
	}
	for _, target := range flag.Args() {
		name, pkg, renamed := strings.Cut(target, "=")
		if !renamed {
			name, pkg = path.Base(target), target
		}
		if err := build(filepath.Join(*folder, name), pkg, *static, *silent); err != nil {
			fmt.Fprintf(os.Stderr, "%s did not build: %v\n", pkg, err)
			os.Exit(1) // a download that is under way goes on for the next build
		}
	}
}

// download fetches the modules of a package. What goes wrong is said by the build that needs them. The returned
// function waits for the end.
func download(pkg string) (wait func()) {
	list := exec.Command("go", "list", "-deps", pkg)
	if list.Start() != nil {
		return func() {}
	}
	return func() { _ = list.Wait() }
}

// build runs "go build -v", whose output is one line for each package it had to compile.
func build(output, pkg string, static, silent bool) error {
	link := "-s -w"
	if static {
		link += " -funcalign=16" // as the adapter is built for an image
	}
	command := exec.Command("go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", output, pkg)
	if static {
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	lines, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start go: %w", err)
	}
	p := &progress{out: os.Stderr, silent: silent, terminal: isTerminal(os.Stderr), target: strings.TrimPrefix(pkg,
		"./"), start: time.Now()}
	p.follow(lines)
	return command.Wait()
}

// progress tells what the compiler does: in place on a terminal, else a line now and then.
type progress struct {
	out        io.Writer
	silent     bool
	terminal   bool
	target     string
	start      time.Time
	said       time.Time
	downloaded int
	compiled   int
}

const (
	quiet    = 2 * time.Second  // a build that is done by then says nothing
	interval = 10 * time.Second // between lines where they cannot be overwritten
)

func (p *progress) follow(lines io.Reader) {
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		p.line(scanner.Text(), time.Now())
	}
	if p.terminal && !p.said.IsZero() {
		fmt.Fprint(p.out, "\r\033[K")
	}
	if !p.said.IsZero() {
		fmt.Fprintf(p.out, "Built %s in %s.\n", p.target, time.Since(p.start).Round(time.Second))
	}
}

// line counts what is progress and passes on what is not: a compiler's error must be seen.
func (p *progress) line(text string, now time.Time) {
	switch {
	case strings.HasPrefix(text, "go: downloading "):
		p.downloaded++
	case text != "" && !strings.ContainsAny(text, " :#"):
		p.compiled++
	default:
		fmt.Fprintln(p.out, text)
		return
	}
	wait := interval
	if p.terminal {
		wait = 100 * time.Millisecond
	}
	if p.silent || now.Sub(p.start) < quiet || now.Sub(p.said) < wait {
		return
	}
	p.said = now
	status := fmt.Sprintf("Building %s (the first time takes some minutes): %s, %d modules downloaded, %d "+
		"packages compiled", p.target, now.Sub(p.start).Round(time.Second), p.downloaded, p.compiled)
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K"+status)
		return
	}
	fmt.Fprintln(p.out, status)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
