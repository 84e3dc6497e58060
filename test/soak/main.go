// Command soak runs the local cloud for a long time under mixed load, with freezing on, while the app's files change
// and processes of its sandboxes are killed. At the end it says whether every request was answered as it should be,
// and whether a process, a descriptor or memory was lost.
//
//	go run ./test/soak [-minutes 30] [-seed N] [-clients 6] BIN
//
// BIN is the folder of the built programs (local, infra, lambda-adapter). The seed decides what is sent, changed and
// killed; when each happens depends on the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	minutes := flag.Float64("minutes", 30, "length of the run")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the schedule")
	clients := flag.Int("clients", 6, "clients at once")
	flag.Parse()
	if flag.NArg() != 1 || *minutes <= 0 || *clients < 1 {
		fmt.Fprintln(os.Stderr, "usage: soak [-minutes N] [-seed N] [-clients N] BIN")
		os.Exit(2)
	}
	fmt.Printf("seed %d, %g minutes, %d clients\n", *seed, *minutes, *clients)
	bin, err := filepath.Abs(flag.Arg(0))
	if err == nil {
		err = soak(bin, *seed, *clients, time.Duration(*minutes*float64(time.Minute)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Println("soak: nothing was lost")
}

// run is one soak.
type run struct {
	*cloud
	*tally
	app   *app
	kills kills
	right atomic.Int64 // answers as they should be
}

func soak(bin string, seed uint64, clients int, length time.Duration) error {
	app, err := newApp()
	if err != nil {
		return err
	}
	defer app.remove()
	cloud, err := startCloud(bin, app.folder)
	if err != nil {
		return err
	}
	defer cloud.Kill()
	cloud.mark = app.mark
	r := &run{cloud: cloud, tally: newTally(), app: app}

	// Before the load and after it one version with one sandbox serves, so that the two can be compared.
	warmUp := min(length/4, 30*time.Second)
	r.load(seed, clients, warmUp)
	before, err := r.rest()
	if err != nil {
		return err
	}
	memory := r.follow(length)
	r.load(seed+1, clients, length-warmUp)
	after, err := r.rest()
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	fmt.Printf("at rest: %s before, %s after\n", before, after)
	return errors.Join(r.verdict(), before.compare(after), memory.verdict(), cloud.stop())
}

// load sends requests, changes the app and kills processes for a time.
func (r *run) load(seed uint64, clients int, length time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { r.send(ctx, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	group.Go(func() { r.change(ctx, rand.New(rand.NewPCG(seed, 1<<32))) })
	group.Go(func() { r.strike(ctx, clients, rand.New(rand.NewPCG(seed, 1<<33))) })
	group.Wait()
}

// pause waits for a random time between two bounds, or until the context ends.
func pause(ctx context.Context, random *rand.Rand, least, most time.Duration) {
	select {
	case <-time.After(least + time.Duration(random.Int64N(int64(most-least)))):
	case <-ctx.Done():
	}
}

// change edits the app from time to time: a new version takes over each time.
func (r *run) change(ctx context.Context, random *rand.Rand) {
	for {
		pause(ctx, random, 5*time.Second, 20*time.Second)
		if ctx.Err() != nil {
			return
		}
		if err := r.update(); err != nil {
			r.wrong("update: %v", err)
		}
	}
}

// update edits the app and waits until it is deployed. A process killed while it starts can keep a version from being
// deployed; what served before goes on, and the next edit brings both changes.
func (r *run) update() error {
	began, seen := time.Now(), r.Printed()
	if err := r.app.edit(); err != nil {
		return err
	}
	line, err := r.Await(seen, 2*time.Minute, "Deployed ", "Nothing to deploy", "Not deployed;")
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(line, "Deployed "):
		r.count("updates")
	case r.kills.between(began, time.Now()):
		r.count("updates kept back by a kill")
	default:
		return errors.New(line)
	}
	return nil
}

// strike kills a process of a sandbox from time to time: the app's or the adapter's. In between every client gets its
// answer: on a machine where a start takes seconds, requests would else time out behind sandboxes that never come up.
func (r *run) strike(ctx context.Context, clients int, random *rand.Rand) {
	for {
		pause(ctx, random, time.Second, 6*time.Second)
		for right := r.right.Load(); r.right.Load() < right+int64(clients) && ctx.Err() == nil; {
			time.Sleep(10 * time.Millisecond)
		}
		if ctx.Err() != nil {
			return
		}
		victims := r.sandboxProcesses()
		if len(victims) == 0 {
			continue
		}
		victim := victims[random.IntN(len(victims))]
		ended := r.kills.begin()
		if victim.kill() == nil {
			r.count("kills of " + victim.name)
			r.recent.add("error: killed " + victim.String())
		}
		for victim.alive() {
			time.Sleep(time.Millisecond)
		}
		ended()
	}
}
