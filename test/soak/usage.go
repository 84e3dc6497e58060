package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one below the local cloud.
type process struct {
	pid  int
	name string
}

func (p process) String() string { return p.name + " " + strconv.Itoa(p.pid) }

func (p process) kill() error { return syscall.Kill(p.pid, syscall.SIGKILL) }

// alive is false for a process that has ended and waits for its parent.
func (p process) alive() bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// sandboxProcesses are those of apps and adapters, as they carry the address of their Runtime API.
func (c *cloud) sandboxProcesses() []process {
	var found []process
	for _, p := range descendants(c.PID()) {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
		if err == nil && bytes.Contains(environ, []byte("AWS_LAMBDA_RUNTIME_API=")) {
			found = append(found, p)
		}
	}
	return found
}

// marked are the processes of the app anywhere on this machine.
func (c *cloud) marked() []process {
	var found []process
	for _, p := range processes() {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
		if err == nil && bytes.Contains(environ, []byte("SOAK="+c.mark+"\x00")) {
			found = append(found, p.process)
		}
	}
	return found
}

type child struct {
	process
	parent int
}

// processes lists all of this machine, without those that have ended.
func processes() []child {
	entries, _ := os.ReadDir("/proc")
	var all []child
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), "(")
		end := strings.LastIndexByte(rest, ')')
		fields := strings.Fields(rest[end+1:])
		parent, _ := strconv.Atoi(fields[1])
		if fields[0] != "Z" {
			all = append(all, child{process{pid, rest[:end]}, parent})
		}
	}
	return all
}

func descendants(root int) []process {
	all, parents, found := processes(), []int{root}, []process{}
	for len(parents) > 0 {
		var next []int
		for _, c := range all {
			if slices.Contains(parents, c.parent) {
				found, next = append(found, c.process), append(next, c.pid)
			}
		}
		parents = next
	}
	return found
}

// living are those that are still there.
func living(all []process) []process {
	now := processes()
	return slices.DeleteFunc(slices.Clone(all), func(p process) bool {
		return !slices.ContainsFunc(now, func(c child) bool { return c.process == p })
	})
}

// usage is what the cloud holds while nothing happens and one sandbox serves.
type usage struct {
	descriptors int
	processes   []string // names of all below it, sorted
}

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, processes %s", u.descriptors, strings.Join(u.processes, " "))
}

func (u usage) compare(after usage) error {
	var errs []error
	if after.descriptors > u.descriptors {
		errs = append(errs, fmt.Errorf("%d descriptors leaked", after.descriptors-u.descriptors))
	}
	if !slices.Equal(u.processes, after.processes) {
		errs = append(errs, errors.New("the processes at rest are not the same as before"))
	}
	return errors.Join(errs...)
}

// rest deploys a version, which has one sandbox, and measures when the counts no longer fall: old versions have ended,
// connections are closed.
func (r *run) rest() (usage, error) {
	if err := r.update(); err != nil {
		return usage{}, err
	}
	var u usage
	quiet := time.Now()
	for limit := time.Now().Add(time.Minute); time.Since(quiet) < 3*time.Second &&
		time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		next := r.measure()
		if next.String() != u.String() {
			u, quiet = next, time.Now()
		}
	}
	return u, nil
}

func (c *cloud) measure() usage {
	pid := c.PID()
	names, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	u := usage{descriptors: len(names)}
	for _, p := range descendants(pid) {
		u.processes = append(u.processes, p.name)
	}
	slices.Sort(u.processes)
	return u
}

// memory is the resident set of the cloud itself over the run, in bytes.
type memory struct {
	mu      sync.Mutex
	samples []int64
}

// follow measures memory in the background until the run ends.
func (r *run) follow(length time.Duration) *memory {
	m := &memory{}
	go func() {
		tick := time.NewTicker(max(length/200, time.Second))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-r.Ended():
				return
			}
			m.mu.Lock()
			m.samples = append(m.samples, residentBytes(r.PID()))
			m.mu.Unlock()
		}
	}()
	return m
}

func residentBytes(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// verdict compares the first quarter of the run with the last one.
func (m *memory) verdict() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	quarter := len(m.samples) / 4
	if quarter == 0 {
		return errors.New("the run was too short to say anything about memory")
	}
	first, last := median(m.samples[:quarter]), median(m.samples[len(m.samples)-quarter:])
	fmt.Printf("memory: median %d MB in the first quarter, %d MB in the last, at most %d MB\n", first>>20, last>>20,
		slices.Max(m.samples)>>20)
	if last > first+first/4+16<<20 {
		return fmt.Errorf("memory grew from %d MB to %d MB", first>>20, last>>20)
	}
	return nil
}

func median(samples []int64) int64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}
