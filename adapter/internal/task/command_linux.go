package task

import (
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/files"
)

const (
	// A command is told to end a tenth of its time before the deadline, and not more than longestGrace. After two
	// thirds of that it is killed; the rest is for its answer.
	graceShare   = 10
	longestGrace = 6 * time.Second
	// mostLeft bounds what is read of a pipe after the command's end, more than any pipe holds by itself: who still
	// has it open may write for ever.
	mostLeft = 2 << 20
)

// Runner runs commands, one after the other.
type Runner struct {
	to io.Writer

	mu       sync.Mutex
	group    int  // the process group of the command that runs, or 0
	shutdown bool // the environment ends
	expired  bool // the command was told to end because of its deadline
}

// NewRunner returns a runner that passes on what commands write.
func NewRunner(to io.Writer) *Runner { return &Runner{to: to} }

// Run runs a command of Parse, with this process's environment and folder, until it has ended, or until shortly before
// the deadline; the zero time means without a limit. Then it and what it has started is told to end, and soon after
// that killed. What is left of its process group at its end is killed as well. A process that has left the group
// lives on, but is not waited for.
func (r *Runner) Run(command []string, deadline time.Time) Result {
	began, name := time.Now(), Name(command)
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	file, err := find(command[0], path)
	if err != nil {
		return notStarted(name, command[0], path, false, err)
	}
	in, fd, out, err := pipe()
	if err != nil {
		return notStarted(name, command[0], path, true, err)
	}
	defer in.Close()
	process, err := start(file, command, out)
	if err != nil {
		return notStarted(name, command[0], path, true, err)
	}
	r.begin(process)
	defer r.limit(began, deadline)()
	ended := make(chan syscall.WaitStatus, 1)
	go func() {
		status := r.await(process)
		_ = in.SetDeadline(time.Now()) // whoever else has the pipe is not waited for
		ended <- status
	}()
	o := output{to: r.to}
	o.readAll(in)
	status := <-ended
	o.readRest(fd)
	o.close()
	result := Result{Took: time.Since(began), Output: o.end()}
	r.judge(&result, status, name, deadline.Sub(began))
	return result
}

// pipe makes a pipe. Its reading end is a file that the poller waits for, and that file's descriptor.
func pipe() (in *os.File, fd, out int, err error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, 0, 0, err
	}
	_ = syscall.SetNonblock(ends[0], true) // fails for no open descriptor
	return os.NewFile(uintptr(ends[0]), "output"), ends[0], ends[1], nil
}

// start starts a program in a process group of its own. Its input is empty; its output goes to out, which is closed.
func start(file string, command []string, out int) (process int, err error) {
	defer syscall.Close(out)
	nothing, err := files.Open("/dev/null", syscall.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(nothing)
	return syscall.ForkExec(file, command, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{uintptr(nothing), uintptr(out), uintptr(out)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
}

func (r *Runner) begin(process int) {
	r.mu.Lock()
	r.group, r.expired = process, false
	shutdown := r.shutdown
	r.mu.Unlock()
	if shutdown {
		r.signal(syscall.SIGTERM)
	}
}

// Shutdown tells the command that runs, and any other one from now on, to end.
func (r *Runner) Shutdown() {
	r.mu.Lock()
	r.shutdown = true
	r.mu.Unlock()
	r.signal(syscall.SIGTERM)
}

func (r *Runner) signal(signal syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.group != 0 {
		_ = syscall.Kill(-r.group, signal)
	}
}

// limit sets the clock for the end of a command. The returned function stops it.
func (r *Runner) limit(began, deadline time.Time) (stop func()) {
	if deadline.IsZero() {
		return func() {}
	}
	left := deadline.Sub(began)
	grace := min(left/graceShare, longestGrace)
	end := time.AfterFunc(left-grace, func() {
		r.mu.Lock()
		r.expired = r.group != 0
		r.mu.Unlock()
		r.signal(syscall.SIGTERM)
	})
	kill := time.AfterFunc(left-grace/3, func() { r.signal(syscall.SIGKILL) })
	return func() { end.Stop(); kill.Stop() }
}

// await waits for the end of a process, and kills what is left of its group. Until then the process stays a zombie, so
// that its number, which is the group's, cannot become another one's.
func (r *Runner) await(process int) (status syscall.WaitStatus) {
	const (
		pid          = 1 // P_PID
		exited       = 4 // WEXITED
		leaveAZombie = 0x1000000
	)
	var info [128]byte // siginfo_t
	for again := true; again; {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, pid, uintptr(process), uintptr(unsafe.Pointer(&info)),
			exited|leaveAZombie, 0, 0)
		again = err == syscall.EINTR
	}
	r.signal(syscall.SIGKILL)
	r.mu.Lock()
	r.group = 0
	r.mu.Unlock()
	for {
		if _, err := syscall.Wait4(process, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	for reaped := 1; reaped > 0; { // as the first process of a container it is the parent of orphans
		reaped, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	}
	return status
}

// readAll reads until the end of the output, or of the command.
func (o *output) readAll(in *os.File) {
	for buffer := make([]byte, 32<<10); ; {
		n, err := in.Read(buffer)
		o.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// readRest reads what the command had written when it ended.
func (o *output) readRest(fd int) {
	buffer := make([]byte, 32<<10)
	for left := mostLeft; left > 0; {
		n, err := files.ReadSome(fd, buffer)
		if n <= 0 || err != nil {
			return
		}
		o.write(buffer[:n])
		left -= n
	}
}

// judge says what an end means. limit is how much time there was.
func (r *Runner) judge(result *Result, status syscall.WaitStatus, name string, limit time.Duration) {
	r.mu.Lock()
	expired, shutdown := r.expired, r.shutdown
	r.mu.Unlock()
	switch {
	case expired:
		result.fail(failure.TaskDeadline, exitTimedOut, name, "ended after "+seconds(result.Took)+
			", shortly before the time limit of "+seconds(limit))
	case status.Signaled():
		text := "ended by the signal " + signalName(status.Signal())
		if shutdown {
			text += ", as this environment ends"
		} else if status.Signal() == syscall.SIGKILL {
			text += ", as the system does where memory is short"
		}
		result.fail(failure.TaskExitStatus, exitSignal+int(status.Signal()), name, text)
	case status.ExitStatus() != 0:
		result.fail(failure.TaskExitStatus, status.ExitStatus(), name, "exit status "+
			strconv.Itoa(status.ExitStatus()))
	}
}

// notStarted is the result of a command that could not be started. found tells that there is such a file.
func notStarted(name, program, path string, found bool, err error) (result Result) {
	switch {
	case found && err == syscall.ENOENT:
		result.fail(failure.TaskNotFound, exitNotFound, name, "what "+program+
			" is to be run by, named in its first line or as its dynamic linker, is not in the image")
	case err == syscall.ENOENT:
		text := "command not found: "
		if file := program; file[0] == '/' || file[0] == '.' {
			text += "the image has no " + program
		} else {
			text += "no folder of PATH has " + program + " (PATH=" + path + ")"
		}
		result.fail(failure.TaskNotFound, exitNotFound, name, text)
	case err == syscall.EACCES:
		result.fail(failure.TaskNotExecutable, exitNotExecutable, name, program+
			" cannot be executed: it is no file with the right to be (chmod +x)")
	case err == syscall.ENOEXEC:
		result.fail(failure.TaskNotExecutable, exitNotExecutable, name, program+
			" is neither a program for this processor nor a script that names its interpreter in its first line (#!)")
	default:
		result.fail(failure.TaskNotExecutable, exitNotExecutable, name, program+" could not be started: "+err.Error())
	}
	return result
}
