package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Config describes one published version of a function and the sandboxes it may have.
type Config struct {
	Name      string // function name, 1 to 64 characters
	Version   string // published version or "$LATEST"; empty is "$LATEST"
	Region    string // for example "eu-central-1"
	AccountID string // twelve digits

	MemorySize       int           // MB, 128 to 10240; reported, and enforced by hosts of a Launcher
	EphemeralStorage int           // MB, the size of /tmp on hosts of a Launcher; 0 is 512
	Timeout          time.Duration // of one invocation, up to 15 minutes

	// Launcher makes the hosts of the sandboxes, each with a network of its own; nil is this machine.
	Launcher Launcher

	// Code is what the sandboxes run, where it may change under them; nil never changes.
	Code Code

	Command []string          // the image's entry point and command; looked up on PATH of Env
	Dir     string            // working directory of every process; absolute, on its host
	Env     map[string]string // the image's ENV with the function's environment laid over it; has PATH
	Handler string            // _HANDLER, may be empty

	// Extensions are absolute paths of executables. The base name is the extension's name
	// (/opt/extensions/NAME on Lambda).
	Extensions []string

	// AppPort is the port the app is set to. On this machine each sandbox gets a free port instead, told through
	// PORT and AWS_LWA_PORT; an app that listens on AppPort all the same is reached there. 0 is 8080.
	AppPort int

	MaxConcurrency         int           // sandboxes at once; 0 is 10
	Blocked                bool          // reserved concurrency of 0: each invocation is throttled
	SnapStart              bool          // the version is published with a snapshot, as far as its protocol goes
	ProvisionedConcurrency int           // sandboxes that Start warms and that never expire
	IdleExpiry             time.Duration // how long a sandbox may idle before spin-down; 0 is never
	Freeze                 bool          // stop all processes between invocations, as Lambda does
	Debug                  bool          // for a debugger: one sandbox, no time limits, no freeze

	Limits Limits

	Log       io.Writer        // takes whole lines, one Write each; nil discards them
	LogFormat LogFormat        // empty is LogText
	LogGroup  string           // its name in the environment; empty is /aws/lambda/NAME
	Now       func() time.Time // wall clock of deadlines and log lines; nil is time.Now
	// Record says whether a sandbox that starts gets a recorder between extensions and app, see [Traffic]. It is asked
	// on hosts that share this machine's network; nil is no.
	Record  func() bool
	Observe func(Record) // is told what happens (observe.go); nil observes nothing
}

// Code is the content of files that the sandboxes of a version use where they lie. Equal values are equal content.
type Code interface {
	// Current tells whether the files still have that content.
	Current() bool
}

// LogFormat is the format of the platform's own lines (LoggingConfig.LogFormat).
type LogFormat string

// The formats Lambda knows.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
const (
	LogText LogFormat = "Text"
	LogJSON LogFormat = "JSON"
)

// Limits are Lambda's own limits. A zero field means the default.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type Limits struct {
	Init             time.Duration // init phase on demand: 10 s
	ProvisionedInit  time.Duration // init phase with provisioned concurrency: 130 s, or the timeout if longer
	Shutdown         time.Duration // whole shutdown when an external extension is registered: 2 s
	RuntimeShutdown  time.Duration // between SIGTERM and SIGKILL of the runtime: 300 ms
	InternalShutdown time.Duration // the same when only internal extensions are registered: 500 ms
	Restore          time.Duration // with SnapStart, until the runtime asks for an invocation: 10 s
	QueueWait        time.Duration // wait for a sandbox when no more may be started: 10 s, then ErrThrottled
	FinishWait       time.Duration // wait for a sandbox that has answered and is about to be free: 20 ms
	HandOver         time.Duration // for invocations in progress when a new version needs the port of the old one: 2 s
	Response         int           // bytes of a buffered response: 6291556
	StreamedResponse int           // bytes of a streamed response: 200 MiB
}

const (
	maxEvent         = 6291556 // 6 MiB and 100 bytes
	maxExtensions    = 10
	defaultAppPort   = 8080
	defaultSandboxes = 10
)

// unhurried is the limit of what a debugger may hold up.
const unhurried = 24 * time.Hour

func (c Config) withDefaults() Config {
	if c.Debug {
		c.MaxConcurrency, c.ProvisionedConcurrency, c.Freeze, c.IdleExpiry = 1, min(1, c.ProvisionedConcurrency),
			false, 0
		c.Timeout, c.Limits.Init, c.Limits.ProvisionedInit, c.Limits.Restore, c.Limits.QueueWait = unhurried,
			unhurried, unhurried, unhurried, unhurried
	}
	c.Version = either(c.Version, "$LATEST")
	c.AppPort = either(c.AppPort, defaultAppPort)
	c.MaxConcurrency = either(c.MaxConcurrency, max(defaultSandboxes, c.ProvisionedConcurrency))
	c.EphemeralStorage = either(c.EphemeralStorage, 512)
	c.LogFormat = either(c.LogFormat, LogText)
	c.LogGroup = either(c.LogGroup, "/aws/lambda/"+c.Name)
	if c.Log == nil {
		c.Log = io.Discard
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l := &c.Limits
	l.Init = either(l.Init, 10*time.Second)
	l.ProvisionedInit = either(l.ProvisionedInit, max(130*time.Second, c.Timeout))
	l.Shutdown = either(l.Shutdown, 2*time.Second)
	l.RuntimeShutdown = either(l.RuntimeShutdown, 300*time.Millisecond)
	l.InternalShutdown = either(l.InternalShutdown, 500*time.Millisecond)
	l.Restore = either(l.Restore, 10*time.Second)
	l.QueueWait = either(l.QueueWait, defaultQueueWait)
	l.FinishWait = either(l.FinishWait, 20*time.Millisecond)
	l.HandOver = either(l.HandOver, 2*time.Second)
	l.Response = either(l.Response, maxEvent)
	l.StreamedResponse = either(l.StreamedResponse, 200<<20)
	return c
}

// ownNetworks is true when each sandbox has a network of its own, and so the declared port for its app.
func (c Config) ownNetworks() bool { return c.Launcher != nil }

func either[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// validate reports every mistake at once, each as a sentence.
func (c Config) validate() error {
	var mistakes []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			mistakes = append(mistakes, fmt.Errorf(format, args...))
		}
	}
	refuse(len(c.Name) < 1 || len(c.Name) > 64, "Name is %q; it must have 1 to 64 characters", c.Name)
	refuse(c.Region == "", "Region is empty; it must name an AWS region such as eu-central-1")
	refuse(!digits(c.AccountID, 12), "AccountID is %q; it must have twelve digits", c.AccountID)
	refuse(c.MemorySize < 128 || c.MemorySize > 10240, "MemorySize is %d; it must be between 128 and 10240 MB",
		c.MemorySize)
	refuse(c.EphemeralStorage < 512 || c.EphemeralStorage > 10240,
		"EphemeralStorage is %d; it must be between 512 and 10240 MB", c.EphemeralStorage)
	refuse(c.Timeout <= 0 || c.Timeout > 15*time.Minute && !c.Debug,
		"Timeout is %s; it must be more than zero and at most 15m", c.Timeout)
	refuse(len(c.Command) == 0, "Command is empty; it must be the command that starts the app")
	refuse(c.AppPort < 1 || c.AppPort > 65535, "AppPort is %d; it must be between 1 and 65535", c.AppPort)
	refuse(c.MaxConcurrency < 1, "MaxConcurrency is %d; it must be at least 1", c.MaxConcurrency)
	refuse(c.ProvisionedConcurrency < 0 || c.ProvisionedConcurrency > c.MaxConcurrency,
		"ProvisionedConcurrency is %d; it must be between 0 and MaxConcurrency (%d)", c.ProvisionedConcurrency,
		c.MaxConcurrency)
	refuse(c.SnapStart && c.ProvisionedConcurrency > 0,
		"SnapStart and ProvisionedConcurrency are set; Lambda has one or the other")
	refuse(c.IdleExpiry < 0, "IdleExpiry is %s; it must not be negative", c.IdleExpiry)
	refuse(c.LogFormat != LogText && c.LogFormat != LogJSON, "LogFormat is %q; it must be Text or JSON", c.LogFormat)
	refuse(!filepath.IsAbs(c.Dir), "Dir is %q; it must be an absolute path", c.Dir)
	if info, err := os.Stat(c.Dir); filepath.IsAbs(c.Dir) && !c.ownNetworks() {
		refuse(err != nil || !info.IsDir(), "Dir is %q; it must be an existing folder", c.Dir)
	}
	return errors.Join(append(mistakes, c.extensionMistakes()...)...)
}

func (c Config) extensionMistakes() []error {
	var mistakes []error
	if len(c.Extensions) > maxExtensions {
		mistakes = append(mistakes, fmt.Errorf("the list Extensions has %d entries; Lambda allows at most %d",
			len(c.Extensions), maxExtensions))
	}
	var names []string
	for _, path := range c.Extensions {
		name := filepath.Base(path)
		switch {
		case !filepath.IsAbs(path):
			mistakes = append(mistakes, fmt.Errorf("the extension %q must be given by its absolute path", path))
		case slices.Contains(names, name):
			mistakes = append(mistakes,
				fmt.Errorf("the extension name %q is used twice; the file names of extensions must differ", name))
		}
		names = append(names, name)
	}
	return mistakes
}

func digits(s string, n int) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(s) == n
}

// arn is the function's ARN, qualified if the caller qualified it.
func (c Config) arn(qualifier string) string {
	arn := "arn:aws:lambda:" + c.Region + ":" + c.AccountID + ":function:" + c.Name
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}
