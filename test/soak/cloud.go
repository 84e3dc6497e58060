package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lambda-web/test/launch"
)

// cloud is the local cloud, started as "make local" does.
type cloud struct {
	*launch.Cloud
	recent *recent
	mark   string // in the environment of the app's processes
}

func startCloud(bin, app string) (*cloud, error) {
	// The console keeps up to 64 MB of what has gone by. What is lost elsewhere shows without it.
	command := exec.Command(filepath.Join(bin, "local"), "-bin", bin, "-port", "0", "-mode", "process", "-app", app,
		"-freeze", "-watch", "-console", "off", "-c", fmt.Sprintf("port=%d", appPort()))
	c := &cloud{recent: &recent{}}
	var err error
	c.Cloud, err = launch.Start(command, 5*time.Minute, func(line string) bool {
		c.recent.add(line)
		return launch.Own(line)
	})
	return c, err
}

// appPort is a port that no other local cloud on this machine is likely to start an app on at the same moment.
func appPort() int {
	for {
		port := 10000 + rand.IntN(10000) // below those of further sandboxes and of outgoing connections
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			listener.Close()
			return port
		}
	}
}

// stop asks the cloud to end, and checks that nothing is left of it.
func (c *cloud) stop() error {
	all := descendants(c.PID())
	err := c.Stop()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := append(living(all), c.marked()...)
		if len(left) == 0 {
			return err
		}
		if time.Now().After(limit) {
			return errors.Join(err, fmt.Errorf("these processes are left: %v", left))
		}
	}
}

// recent are the lines of the last moments: what the cloud prints, the app, the platform, and the soak's own notes.
type recent struct {
	mu    sync.Mutex
	lines []stamped
}

// stamped is a line with the time it was read at.
type stamped struct {
	at   time.Time
	text string
}

func (r *recent) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines = append(r.lines, stamped{time.Now(), line}); len(r.lines) > 4000 {
		r.lines = append(r.lines[:0], r.lines[2000:]...)
	}
}

// troubles are the lines since a time that tell of an error.
func (r *recent) troubles(since time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, line := range r.lines {
		trouble := strings.Contains(line.text, "rror") || strings.Contains(line.text, "INIT_REPORT") ||
			strings.Contains(line.text, "level=")
		if trouble && line.at.After(since) {
			found = append(found, line.at.Format("15:04:05.000 ")+line.text)
		}
	}
	return strings.Join(found, "\n")
}
