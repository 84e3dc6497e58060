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
	Output []string // all that it said of the step; the end of it where all has been told as it came

	platform string
	classic  bool // by Docker's first builder, which lacks some instructions
}

func (e *BuildError) Error() string {
	if e.Base != "" {
		return e.baseError()
	}
	text := "build the image: " + e.Reason
	if e.Step != "" {
		text = "build the image: the step " + e.Step + " failed: " + e.Reason
	}
	for _, line := range e.Output {
		text += "\n    " + line
	}
	if advice := e.advice(text); advice != "" {
		text += "\n" + advice
	}
	return text
}

// baseError says why a base image could not be had, and what to do about it.
func (e *BuildError) baseError() string {
	advice := "check its name in the Dockerfile and the connection to its registry"
	switch {
	case noSpace.MatchString(e.Reason):
		advice = fullDisk
	case strings.Contains(e.Reason, "no match"):
		return fmt.Sprintf("the base image %s does not exist for %s (%s): take one that does, or give the "+
			"stack another processor (pulumi config set architecture)", e.Base, e.platform, e.Reason)
	case strings.Contains(e.Reason, "toomanyrequests"):
		advice = "its registry wants fewer requests of those who have not logged in: docker login, or wait"
	case notAllowed.MatchString(e.Reason):
		advice = "check its name in the Dockerfile; if it is a private one, log in to its registry: docker login"
	}
	return fmt.Sprintf("the base image %s is not on this machine and could not be fetched (%s): %s, or run "+
		"the app without containers: make local MODE=process", e.Base, e.Reason, advice)
}

// advice is a sentence on what to do about a failure of the machine, not of the Dockerfile.
func (e *BuildError) advice(text string) string {
	switch {
	case noSpace.MatchString(text):
		return "The " + fullDisk + "."
	case otherProcessor.MatchString(text):
		return otherProcessorError(e.platform) + "."
	case e.classic && needsBuildKit.MatchString(text):
		return "This docker command builds without BuildKit, which some instructions need: install its " +
			"buildx plugin (on Debian and Ubuntu: apt-get install docker-buildx)."
	case !e.classic && tooNew.MatchString(text):
		return "If it is no slip of the pen, this engine is too old for it: update it, or make \"# " +
			"syntax=docker/dockerfile:1\" the first line of the Dockerfile."
	case cgroups.MatchString(text):
		return "The engine's runtime does not take this machine's control groups: set runtime = \"runc\" " +
			"under [engine] in containers.conf, boot with cgroup v2 alone, or run the app without " +
			"containers: make local MODE=process."
	}
	return ""
}

const fullDisk = "disk of the container engine is full: make room (docker system df shows what takes it, " +
	"docker system prune removes what nothing uses)"

var (
	noSpace        = regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`)
	otherProcessor = regexp.MustCompile(`(?i)exec format error`)
	notAllowed     = regexp.MustCompile(`(?i)denied|unauthorized|forbidden|authentication required`)
	needsBuildKit  = regexp.MustCompile(`requires BuildKit|[Uu]nknown (flag|instruction)|with BuildKit`)
	tooNew         = regexp.MustCompile(`[Uu]nknown (flag|instruction)`)
	cgroups        = regexp.MustCompile(`drop all controllers|cgroup.controllers|requested cgroup controller`)
)

// otherProcessorError says that this machine's processor is not the image's.
func otherProcessorError(platform string) string {
	return "this machine cannot run " + platform +
		" images: give the stack this machine's processor (pulumi config set architecture), or let the " +
		"engine emulate the other one (https://docs.docker.com/build/building/multi-platform/#qemu)"
}

// transcript follows what a builder writes, step by step: the plain progress of BuildKit, or the words of
// the classic builder and of Podman's.
type transcript struct {
	lines    bool              // steps begin with a line of their own; else lines have the number of their step
	platform string            // of the image
	args     map[string]string // build arguments
	log      io.Writer         // nil for nothing

	mu      sync.Mutex
	partial []byte
	steps   map[string]*step // by the builder's number
	current *step            // the last one that began
	failed  *step
	rest    []string // the last lines of no step
	untold  []string // until the build takes its time; then all it says is told at once
	talking bool
	timer   *time.Timer
}

type step struct {
	name   string
	reason string // why it failed
	output []string
}

const (
	quiet     = 2 * time.Second // a build that is done by then is not worth a word
	keepFirst = 100             // lines of a step, at most, and of those
	keepLast  = 300             // that come last
	keepRest  = 15              // lines of no step, and of one that has been told
)

func newTranscript(b builder, src Source) *transcript {
	t := &transcript{
		lines: b == classic || b == buildah, platform: src.Platform, args: src.Args, log: src.Log,
		steps: map[string]*step{},
	}
	t.timer = time.AfterFunc(quiet, t.talk)
	return t
}

func (t *transcript) close() { t.timer.Stop() }

// talk begins to tell what the builder says.
func (t *transcript) talk() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.talking || t.log == nil {
		return
	}
	t.talking = true
	fmt.Fprintln(t.log, "Building the image")
	for _, line := range t.untold {
		t.tell(line)
	}
	t.untold = nil
}

// tell passes on one line. It needs the lock.
func (t *transcript) tell(line string) {
	if t.talking {
		fmt.Fprintln(t.log, "    "+line)
	} else {
		t.untold = append(t.untold, line)
	}
}

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
		if shown := clean(string(line)); shown != "" {
			t.tell(shown)
			if t.lines {
				t.plainLine(shown)
			} else {
				t.kitLine(shown)
			}
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
	kitLine   = regexp.MustCompile(`^#(\d+) (.*)$`)
	kitOutput = regexp.MustCompile(`^\d+\.\d+ (.*)$`)
	plainStep = regexp.MustCompile(`^(?:\[(\d+/\d+)\] )?(?:Step|STEP) (\d+/\d+) ?: (.*)$`)
	plainNote = regexp.MustCompile(`^( ---> |--> |Removing intermediate container )`)
)

// kitLine reads "#7 [3/6] RUN make", "#7 0.25 output", "#7 ERROR: reason", and what follows the steps.
func (t *transcript) kitLine(line string) {
	m := kitLine.FindStringSubmatch(line)
	if m == nil {
		t.rest = keep(t.rest, line, 0, keepRest)
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
		s.output = keep(s.output, m[1], keepFirst, keepLast)
	}
}

// plainLine reads "Step 3/6 : RUN make" or "[1/2] STEP 3/6: RUN make", and what follows it. Why a build failed is its
// last line.
func (t *transcript) plainLine(line string) {
	if m := plainStep.FindStringSubmatch(line); m != nil {
		stage := ""
		if m[1] != "" {
			stage = "stage " + m[1] + ", "
		}
		t.begin(m[1]+" "+m[2], "["+stage+m[2]+"] "+m[3])
		return
	}
	switch {
	case plainNote.MatchString(line):
	case t.current == nil:
		t.rest = keep(t.rest, line, 0, keepRest)
	default:
		t.current.output = keep(t.current.output, line, keepFirst, keepLast)
	}
}

func (t *transcript) begin(number, name string) {
	t.current = &step{name: name}
	t.steps[number] = t.current
}

const leftOut = "... lines left out ..."

// keep adds a line and leaves out the middle of very many.
func keep(lines []string, line string, first, last int) []string {
	lines = append(lines, line)
	if len(lines) <= first+last {
		return lines
	}
	if first == 0 {
		return lines[len(lines)-last:]
	}
	lines[first] = leftOut
	return slices.Delete(lines, first+1, first+2)
}

// failure is why the build failed; err is how the builder ended.
func (t *transcript) failure(err error) *BuildError {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines && t.current != nil {
		t.failed = t.current
		t.failed.reason, t.failed.output = cutLast(t.failed.output)
	}
	if t.failed == nil {
		reason, _ := cutLast(t.rest)
		return &BuildError{Reason: cmp.Or(strings.TrimPrefix(reason, "ERROR: "), err.Error()), platform: t.platform,
			classic: t.lines}
	}
	e := &BuildError{Step: t.failed.name, Reason: cmp.Or(t.failed.reason, err.Error()), Output: t.failed.output,
		platform: t.platform, classic: t.lines}
	if t.talking && len(e.Output) > keepRest { // the rest has been shown
		e.Output = e.Output[len(e.Output)-keepRest:]
	}
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
