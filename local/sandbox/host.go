package sandbox

import (
	"io"
	"net"
	"syscall"
	"time"

	"lambda-web/local/sandbox/program"
)

// Launcher makes hosts that have a network of their own, as sandboxes have on Lambda. Without one the
// sandboxes share this machine.
type Launcher interface {
	// Launch makes the host of one sandbox of the function. The number is the sandbox's in its pool.
	Launch(cfg *Config, number int) (Host, error)
}

// Host is where the processes of one sandbox run.
type Host interface {
	// Listener takes the connections to the Runtime API, and RuntimeAPI is its address as processes on
	// the host see it. The connections have a CloseWrite method.
	Listener() net.Listener
	RuntimeAPI() string
	// AppPort is the port that the app shall listen on.
	AppPort() int
	// Start starts a process in a group of its own. exited runs once, when the leader has ended.
	Start(c Command, exited func(Group)) (Group, error)
	// Drain returns when all that the processes have written until now has been passed on.
	Drain()
	// PeakMemory is the peak memory of the processes together, in bytes; what they share counts once.
	PeakMemory() int64
	// Close ends what is left, also processes that left their group, and gives everything back.
	Close()
}

// Extended is a host that knows the paths of the extensions there, in the order in which they start. It is asked
// where the function's configuration names none.
type Extended interface {
	Host
	Extensions() []string
}

// Command is what a process runs.
type Command struct {
	Path   string   // of the program; empty is Args[0], looked up on the PATH of Env
	Args   []string // the program's name and its arguments
	Dir    string
	Env    []string       // NAME=value
	Output io.WriteCloser // takes stdout and stderr in pieces, and is closed at their end
}

// Group is a process group on a host: the app or an extension, and its descendants.
type Group interface {
	Signal(s syscall.Signal) // reaches the whole group; a group that has gone is no error
	Alive() bool             // a process of the group is left
	Ending() bool            // the leader has begun to end, or has ended; where nobody can tell, false
	Ended() <-chan struct{}  // closed when the leader has ended
	// ExitReason says how the leader ended, in the words of the platform ("exit status 3", "signal:
	// killed"); it is empty after a clean exit.
	ExitReason() string
}

// Program is the path of the command's program. Hosts elsewhere do the same there.
func (c Command) Program() (string, error) {
	if c.Path != "" {
		return c.Path, nil
	}
	return program.Find(c.Args[0], program.Variable(c.Env, "PATH"), c.Dir)
}

// stopGroup sends SIGTERM to the group and SIGKILL to what is left of it after the grace.
func stopGroup(g Group, grace time.Duration) {
	deadline := time.Now().Add(grace)
	g.Signal(syscall.SIGTERM)
	if endsBefore(g, deadline) {
		for g.Alive() && time.Now().Before(deadline) {
			time.Sleep(2 * time.Millisecond) // descendants are not ours to wait for
		}
	}
	killGroup(g)
}

// killGroup ends the whole group and returns when its leader is gone.
func killGroup(g Group) {
	g.Signal(syscall.SIGKILL)
	<-g.Ended()
}

// endsBefore waits for the leader.
func endsBefore(g Group, deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-g.Ended():
		return true
	case <-timer.C:
		return false
	}
}
