package container

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// BuildError is a build that failed.
type BuildError struct {
	Step   string   // the instruction, as the builder counts it: "[4/7] RUN pip install ..."; empty if none was reached
	Base   string   // the base image, when it could not be had
	Reason string   // the builder's own words
	Output []string // the last lines of the step

	classic bool // by Docker's first builder, which lacks some instructions
}

func (e *BuildError) Error() string {
	if e.Base != "" {
		return fmt.Sprintf("the base image %s is not on this machine and could not be fetched (%s): check its name in the Dockerfile and the connection to its registry, or run the app without Docker: make local MODE=process", e.Base, e.Reason)
	}
	text := "build the image: " + e.Reason
	if e.Step != "" {
		text = "build the image: the step " + e.Step + " failed: " + e.Reason
	}
	for _, line := range e.Output {
		text += "\n    " + line
	}
	if e.classic && needsBuildKit.MatchString(text) {
		text += "\nThis docker command builds without BuildKit, which some instructions need: install its buildx plugin (on Debian and Ubuntu: apt-get install docker-buildx)."
	}
	return text
}

var needsBuildKit = regexp.MustCompile(`requires BuildKit|[Uu]nknown (flag|instruction)`)

// transcript follows what a builder writes, step by step: the plain progress of BuildKit, or the words of
// the classic builder.
type transcript struct {
	classic bool
	args    map[string]string // build arguments
	log     io.Writer         // nil for nothing

	mu      sync.Mutex
	partial []byte
	steps   map[string]*step // by the builder's number
	current *step            // the last one that began
	failed  *step
	rest    []string // the last lines of no step
	talking bool     // the build takes its time, so steps are told
	timer   *time.Timer
}

type step struct {
	name   string
	reason string // why it failed
	output []string
}

const (
	quiet     = 2 * time.Second // a build that is done by then is not worth a word
	keepLines = 15
)

func newTranscript(classic bool, args map[string]string, log io.Writer) *transcript {
	t := &transcript{classic: classic, args: args, log: log, steps: map[string]*step{}}
	t.timer = time.AfterFunc(quiet, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.talking = true
		t.tell()
	})
	return t
}

func (t *transcript) close() { t.timer.Stop() }

// Write takes the builder's words in pieces.
func (t *transcript) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial = append(t.partial, text...)
	for {
		line, rest, found := bytes.Cut(t.partial, []byte("\n"))
		if !found {
			return len(text), nil
		}
		if shown := clean(string(line)); shown != "" && t.classic {
			t.classicLine(shown)
		} else if shown != "" {
			t.kitLine(shown)
		}
		t.partial = append([]byte(nil), rest...)
	}
}

// escapes are the escape sequences of terminals.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// clean leaves what a terminal would show of a line in the end.
func clean(line string) string {
	line = strings.TrimRight(escapes.ReplaceAllString(line, ""), " \r\t")
	return line[strings.LastIndexByte(line, '\r')+1:]
}

var (
	kitLine     = regexp.MustCompile(`^#(\d+) (.*)$`)
	kitOutput   = regexp.MustCompile(`^\d+\.\d+ (.*)$`)
	classicStep = regexp.MustCompile(`^Step (\d+/\d+) : (.*)$`)
	classicNote = regexp.MustCompile(`^( ---> |Removing intermediate container )`)
)

// kitLine reads "#7 [3/6] RUN make", "#7 0.25 output", "#7 ERROR: reason", and what follows the steps.
func (t *transcript) kitLine(line string) {
	m := kitLine.FindStringSubmatch(line)
	if m == nil {
		t.rest = keep(t.rest, line)
		return
	}
	number, text := m[1], m[2]
	s := t.steps[number]
	if s == nil {
		t.begin(number, text)
		return
	}
	if reason, failed := strings.CutPrefix(text, "ERROR: "); failed {
		s.reason, t.failed = reason, s
	} else if m := kitOutput.FindStringSubmatch(text); m != nil {
		s.output = keep(s.output, m[1])
	}
}

// classicLine reads "Step 3/6 : RUN make" and what follows it. Why a build failed is its last line.
func (t *transcript) classicLine(line string) {
	if m := classicStep.FindStringSubmatch(line); m != nil {
		t.begin(m[1], "["+m[1]+"] "+m[2])
		return
	}
	switch {
	case classicNote.MatchString(line):
	case t.current == nil:
		t.rest = keep(t.rest, line)
	default:
		t.current.output = keep(t.current.output, line)
	}
}

func (t *transcript) begin(number, name string) {
	t.current = &step{name: name}
	t.steps[number] = t.current
	if t.talking {
		t.tell()
	}
}

// tell says what the builder is at. It needs the lock.
func (t *transcript) tell() {
	if t.log != nil && t.current != nil {
		fmt.Fprintln(t.log, "Building the image:", t.current.name)
	}
}

func keep(lines []string, line string) []string {
	lines = append(lines, line)
	return lines[max(0, len(lines)-keepLines):]
}

// failure is why the build failed; err is how the builder ended.
func (t *transcript) failure(err error) *BuildError {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.classic && t.current != nil {
		t.failed = t.current
		t.failed.reason, t.failed.output = cutLast(t.failed.output)
	}
	if t.failed == nil {
		reason, _ := cutLast(t.rest)
		return &BuildError{Reason: cmp.Or(strings.TrimPrefix(reason, "ERROR: "), err.Error()), classic: t.classic}
	}
	e := &BuildError{Step: t.failed.name, Reason: cmp.Or(t.failed.reason, err.Error()), Output: t.failed.output, classic: t.classic}
	e.Base = t.base(e.Step)
	return e
}

func cutLast(lines []string) (last string, before []string) {
	if len(lines) == 0 {
		return "", nil
	}
	return lines[len(lines)-1], slices.Clone(lines[:len(lines)-1])
}

var baseSteps = []*regexp.Regexp{
	regexp.MustCompile(`^\[internal\] load metadata for (\S+)`),
	regexp.MustCompile(`^\[[^]]*\] FROM (?:--\S+ )*(\S+)`),
}

// base is the image that a step is about, if it is one that fetches an image. The classic builder does
// not expand variables in what it says, but it says their defaults, too.
func (t *transcript) base(name string) string {
	for _, pattern := range baseSteps {
		if m := pattern.FindStringSubmatch(name); m != nil {
			image := os.Expand(m[1], t.argument)
			return strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/")
		}
	}
	return ""
}

func (t *transcript) argument(name string) string {
	if value, ok := t.args[name]; ok {
		return value
	}
	for _, s := range t.steps {
		if _, value, ok := strings.Cut(s.name, "] ARG "+name+"="); ok {
			return value
		}
	}
	return ""
}
