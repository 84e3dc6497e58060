// Command coldstart measures how long the apps in examples/ take to start in the local cloud, with and without what is
// often advised. Each figure is the median of several starts, each in a local cloud of its own.
//
//	coldstart [-n 5] [-mode process] [-out docs/examples.md] [EXAMPLE...]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"lambda-web/test/endtoend"
)

func main() {
	starts := flag.Int("n", 5, "starts of each app in each way, after one that fills caches")
	mode := flag.String("mode", "process", "how the apps run: process or container")
	out := flag.String("out", "", "file whose text between the lines "+tableBegin+" and "+tableEnd+
		" the table replaces")
	flag.Parse()
	if err := run(*starts, *mode, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "coldstart:", err)
		os.Exit(1)
	}
}

func run(starts int, mode, out string, names []string) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return fmt.Errorf("find the project's folder: %w", err)
	}
	if len(names) == 0 {
		if names, err = examples(root); err != nil {
			return err
		}
	}
	var table strings.Builder
	line := func(format string, values ...any) {
		text := fmt.Sprintf(format+"\n", values...)
		fmt.Print(text)
		table.WriteString(text)
	}
	line("Measured on %s/%s with %d processors; medians of %d starts in %s mode.\n", runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), starts, mode)
	line("| Example | Files and packages | Started | Init | First request, with the init |\n|---|---|---|---|---|")
	var failures []error
	for _, name := range names {
		if err := measureExample(line, root, name, mode, starts); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := errors.Join(failures...); err != nil || out == "" {
		return err
	}
	return fill(out, table.String())
}

// examples are the folders that bring settings along.
func examples(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "Pulumi.*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find the examples: %w", err)
	}
	var names []string
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if filepath.Base(file) == "Pulumi."+name+".yaml" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("there are no examples here; run this in the project's folder")
	}
	return names, nil
}

// measureExample writes one line for each way to start an app.
func measureExample(line func(string, ...any), root, name, mode string, starts int) error {
	size := ""
	for _, way := range ways(root, name) {
		example := endtoend.Example{Root: root, Name: name, Mode: mode, Environment: way.environment,
			Settings: way.settings}
		result, err := measure(example, starts)
		if err != nil && strings.Contains(err.Error(), "run the app's image: make local MODE=container") {
			line("| %s | | only as its image: `-mode container` | | |", name)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		if size == "" {
			bytes, err := appSize(root, name)
			if err != nil {
				return err
			}
			size = fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
		}
		line("| %s | %s | %s | %s | %s |", name, size, way.name, result.init(), result.first())
	}
	return nil
}

const (
	tableBegin = "<!-- cold start: begin -->"
	tableEnd   = "<!-- cold start: end -->"
)

// fill puts the table into a page.
func fill(page, table string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the page for the table: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin+"\n")
	_, after, ends := strings.Cut(rest, tableEnd+"\n")
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %s and %s for the table to stand between", page, tableBegin, tableEnd)
	}
	if err := os.WriteFile(page, []byte(before+tableBegin+"\n"+table+tableEnd+"\n"+after), 0o644); err != nil {
		return fmt.Errorf("write the page with the table: %w", err)
	}
	return nil
}
