//go:build linux

// Command bench measures adapters side by side: each gets the same events from the same Runtime API and has the same
// app behind it, in turn, round after round.
//
//	go run ./test/bench                                  everything, beside the reference and the naive adapter
//	go run ./test/bench -quick                           a minute, to see that all is in order
//	go run ./test/bench -adapter a=PATH -adapter b=PATH -cases 'rest|stream'
//
// The Runtime API and the app run in one thread of this process and answer with prepared bytes, so that what is seen
// is the adapter. The measured time begins when the event is handed to a waiting worker and ends when its reply was
// received; every reply, and every request that the app receives, is compared with what it must be, and a wrong one
// fails the run.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

func main() {
	var adapters adapterFlags
	flag.Var(&adapters, "adapter",
		"adapter to measure, as PATH or NAME=PATH; repeat it to compare. Ratios are those of the first one")
	quick := flag.Bool("quick", false, "few rounds of few invocations: whether it works, not how fast it is")
	rounds := flag.Int("rounds", 9, "rounds of each case; at least 7 give a fair median")
	count := flag.Int("n", 0,
		"invocations of each round, in place of the case's own number; a long round is what a profiler needs")
	flag.DurationVar(&parkTime, "pause", parkTime, "time between two invocations, 0 for back to back")
	only := flag.String("cases", "", "regular expression for the names of the cases to run")
	floor := flag.Bool("floor", false,
		"measure the adapter beside what no adapter can be faster than, and nothing else")
	list := flag.Bool("list", false, "list the cases and exit")
	out := flag.String("out", "", "Markdown file for the report, besides standard output. If it has the lines "+
		reportBegin+" and "+reportEnd+
		", what stands between them is replaced")
	flag.Parse()
	if *quick {
		*rounds = 1
	}
	b := &bench{floor: *floor, adapters: adapters, rounds: max(1, *rounds), quick: *quick, count: *count}
	if err := run(b, *list, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(b *bench, list bool, only, out string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if b.floor {
		chosen = []benchCase{floorCase()}
	}
	if list {
		for _, c := range chosen {
			fmt.Printf("%-16s %s\n", c.name, c.heading)
		}
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	switch {
	case b.floor:
		b.adapters, err = floorAdapters(root, b.adapters)
	case len(b.adapters) == 0:
		b.adapters, err = defaultAdapters(root, !b.quick)
	}
	if err != nil {
		return err
	}
	if err := named(b.adapters, filepath.Join(root, ".lambda-web", "bench")); err != nil {
		return err
	}
	if b.loop, err = newLoop(); err != nil {
		return err
	}
	b.gunicorn, b.appDir = findGunicorn(root)
	conditions := "Machine: " + machine() + "; load " + load() + " at the start"
	all, err := b.measure(chosen)
	if err != nil || out == "" {
		return err
	}
	return writeReport(out, conditions+", "+load()+" at the end. Rounds: "+strconv.Itoa(b.rounds)+".", all)
}

func choose(only string) (chosen []benchCase, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-cases=%s is not a regular expression: %w", only, err)
	}
	for _, c := range cases() {
		if pattern.MatchString(c.name) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-cases=%s matches no case; -list names them", only)
	}
	return chosen, nil
}

// measure runs the cases and prints their tables as they are done.
func (b *bench) measure(chosen []benchCase) (all []*results, err error) {
	// The thread that serves the sockets does not give way to the Go scheduler, so there are more places than
	// processors. Garbage is collected between the cases only, unless there is much of it.
	runtime.GOMAXPROCS(max(8, runtime.NumCPU()))
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)

	for _, c := range chosen {
		began := time.Now()
		r := &results{heading: c.heading, note: c.note, adapters: b.adapters}
		if err := c.run(b, r); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Print(r.markdown())
		all = append(all, r)
		warn("%s took %.1f s", c.name, time.Since(began).Seconds())
		runtime.GC()
	}
	return all, nil
}
