// Command coldstart measures how long the apps in examples/ take to start in the local cloud, with and without what is
// often advised, and prints the tables of docs/examples.md. Each figure is the median of several starts, each of a
// local cloud of its own.
//
//	coldstart [-n 5] [EXAMPLE...]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"lambda-web/examples/endtoend"
)

func main() {
	runs := flag.Int("n", 5, "starts of each app in each way")
	flag.Parse()
	if err := run(*runs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "coldstart:", err)
		os.Exit(1)
	}
}

func run(runs int, names []string) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if names, err = examples(root); err != nil {
			return err
		}
	}
	fmt.Printf("%d CPUs, %s/%s, median of %d starts. Size: the app's files and packages, without the base image.\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runs)
	fmt.Println("| Example | Size | Started | Init | First request |\n|---|---|---|---|---|")
	var failed []error
	for _, name := range names {
		if err := measureExample(root, name, runs); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}

// examples are the folders that bring settings along.
func examples(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "Pulumi.*.yaml"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if filepath.Base(file) == "Pulumi."+name+".yaml" {
			names = append(names, name)
		}
	}
	return names, nil
}

func measureExample(root, name string, runs int) error {
	size := ""
	for _, way := range ways(root, name) {
		example := endtoend.Example{Root: root, Name: name, Environment: way.environment, Settings: way.settings}
		var starts []start
		for range runs + 1 { // the first one installs packages and fills the system's caches
			s, err := measure(example)
			if err != nil {
				return err
			}
			starts = append(starts, s)
		}
		if size == "" {
			bytes, err := appSize(root)
			if err != nil {
				return err
			}
			size = fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", name, size, way.name, median(starts[1:], start.initTime), median(starts[1:], start.firstTime))
	}
	return nil
}

// start is what one cold start took. Without an init there was one before the first request came.
type start struct{ init, first time.Duration }

func (s start) initTime() time.Duration  { return s.init }
func (s start) firstTime() time.Duration { return s.first }

func median(starts []start, of func(start) time.Duration) string {
	values := make([]time.Duration, len(starts))
	for i, s := range starts {
		values[i] = of(s)
	}
	slices.Sort(values)
	if middle := values[len(values)/2]; middle > 0 {
		return fmt.Sprintf("%.0f ms", float64(middle.Microseconds())/1000)
	}
	return "before"
}

var initDuration = regexp.MustCompile(`Init Duration: ([0-9.]+) ms`)

// measure starts an app and opens its first page.
func measure(e endtoend.Example) (start, error) {
	cloud, err := endtoend.Start(e)
	if err != nil {
		return start{}, err
	}
	s, err := firstRequest(cloud)
	return s, errors.Join(err, cloud.Stop())
}

func firstRequest(cloud *endtoend.Cloud) (s start, err error) {
	began := time.Now()
	response, err := http.Get(cloud.URL + "/")
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return s, err
	}
	s.first = time.Since(began)
	if response.StatusCode >= 500 {
		return s, fmt.Errorf("the first page has status %d:\n%s", response.StatusCode, cloud.Log())
	}
	report, err := cloud.Await("| REPORT RequestId", 10*time.Second)
	if err != nil {
		return s, err
	}
	if match := initDuration.FindStringSubmatch(report); match != nil {
		ms, err := strconv.ParseFloat(match[1], 64)
		s.init = time.Duration(ms * float64(time.Millisecond))
		return s, err
	}
	return s, nil
}
