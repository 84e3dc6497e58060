// Command chaos runs the adapter between an application and a Runtime API that fail on schedule, and checks that
// nothing is lost:
//
//	go run ./test/chaos -n 10000 -seed 7
//
// The schedule is a function of the seed: which invocation meets which fault does not change from run to run. Three
// adapters share the invocations, each with servers of its own: one worker with buffered replies, one worker that
// streams, four workers at once. At the end every invocation must have had exactly one answer, of a kind that its
// fault allows; the application must have seen no request twice that must not be sent twice; every byte must have
// arrived; the adapters must hold no more memory, threads, descriptors and goroutines than at the start. The command
// exits 1 and lists what was wrong otherwise.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lambda-web/test/conformance"
)

func main() {
	count := flag.Int("n", 10000, "invocations in all")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()%1_000_000), "seed of the schedule")
	binary := flag.String("adapter", "", "adapter to test; built when empty")
	race := flag.Bool("race", false, "build the adapter with the race detector")
	flag.Parse()
	if err := run(*count, *seed, *binary, *race); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(count int, seed uint64, binary string, race bool) error {
	if binary == "" {
		folder, err := os.MkdirTemp("", "chaos")
		if err != nil {
			return fmt.Errorf("make a folder for the adapter: %w", err)
		}
		defer os.RemoveAll(folder)
		binary = filepath.Join(folder, "lambda-adapter")
		if err := conformance.BuildAdapter(binary, race); err != nil {
			return err
		}
	}
	fmt.Printf("chaos: %d invocations, -seed %d\n", count, seed)
	lanes := []*lane{
		newLane(seed, 0, "buffered", count*2/5),
		newLane(seed, 1, "streaming", count*2/5),
		newLane(seed, 2, "concurrent", count-count*2/5*2),
	}
	begin := time.Now()
	var running sync.WaitGroup
	for _, l := range lanes {
		l.race = race
		running.Go(func() { l.run(binary) })
	}
	running.Wait()
	for _, l := range lanes {
		l.report(os.Stdout)
	}
	fmt.Printf("%d invocations in %v\n", count, time.Since(begin).Round(time.Millisecond))
	wrong := 0
	for _, l := range lanes {
		l.reportFindings(os.Stdout)
		wrong += l.wrongs()
	}
	if wrong > 0 {
		return fmt.Errorf("%d findings; replay with -n %d -seed %d", wrong, count, seed)
	}
	return nil
}
