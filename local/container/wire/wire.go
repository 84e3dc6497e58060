// Package wire is what this machine and the init of a sandbox's container say to each other.
//
// They share one yamux session over the init's stdin and stdout, so a container needs no network to
// be driven, and it ends when this machine's side goes away, for whatever reason. A stream that this machine
// opens is one call: a [Request], then a [Reply], each a line of JSON; after the reply to a start comes
// the output of the processes. A stream that the init opens is a connection of a process to the
// Runtime API.
package wire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/yamux"
)

// RuntimeAPI is the address at which the init takes connections to the Runtime API: on Lambda, too, it
// is on the sandbox's own network and has port 9001.
const RuntimeAPI = "127.0.0.1:9001"

// Seal is the init's argument in a container: it gives the container the limits of a sandbox, and up its own rights.
const Seal = "seal"

// Calls.
const (
	Start      = "start"      // Path, Args, Env, Dir; gives Group
	Wait       = "wait"       // Group; answers when its leader has ended, with Exit
	Signal     = "signal"     // Group, Signal
	Alive      = "alive"      // Group; gives Alive
	Ending     = "ending"     // Group; gives Ending
	Drain      = "drain"      // gives Written, of all groups
	Memory     = "memory"     // gives Memory
	Extensions = "extensions" // gives Paths
)

// Request is a call.
type Request struct {
	Call   string
	Path   string   `json:",omitempty"` // of the program; empty is Args[0], looked up on the PATH of Env
	Args   []string `json:",omitempty"`
	Env    []string `json:",omitempty"` // NAME=value
	Dir    string   `json:",omitempty"`
	Group  int      `json:",omitempty"` // a process group, by the id of its leader
	Signal int      `json:",omitempty"`
}

// Reply answers a call.
type Reply struct {
	Error string `json:",omitempty"`
	Group int    `json:",omitempty"`
	// Exit is how the leader ended ("exit status 3", "signal: killed"); empty after a clean exit.
	Exit    string        `json:",omitempty"`
	Alive   bool          `json:",omitempty"` // a process of the group is left
	Ending  bool          `json:",omitempty"` // the group's leader has begun to end, or has ended
	Written map[int]int64 `json:",omitempty"` // bytes of output on their way to this machine, by group
	Paths   []string      `json:",omitempty"` // of the image's extensions, in the order of their names
	Memory  int64         `json:",omitempty"` // bytes: the sum of the peak resident set sizes of all processes
}

// Send writes a message as one line.
func Send(w io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Receive reads one line into a message. What follows it stays in the reader.
func Receive(r *bufio.Reader, message any) error {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, message); err != nil {
		return fmt.Errorf("decode a message: %w", err)
	}
	return nil
}

// Session settings: the two ends live and die together, so neither has to find out whether the other
// one is still there, and a machine that was asleep must not lose its sandboxes.
func Session() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive = false
	c.ConnectionWriteTimeout = time.Hour
	c.StreamOpenTimeout = 0
	c.LogOutput = io.Discard
	return c
}
