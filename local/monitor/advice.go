package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"lambda-web/local/sandbox"
)

// advisor reads what the app of one version says and adds what its developer would have to find out: which file
// the app may not write on Lambda, and that it starts over and over instead of becoming ready.
type advisor struct {
	log   io.Writer
	next  func(sandbox.Record) // may be nil
	image bool                 // the app runs as an image, with Lambda's disk

	mu      sync.Mutex
	told    map[string]bool      // folders, and what else is told once
	starts  map[int]*[]complaint // of sandboxes in their init, by their number
	retries string               // what the app repeats; empty after an init that succeeded

	retriesOf string // key of the complaint
}

// complaint is a line of the app about an error, with digits left out, and how often it came.
type complaint struct {
	key, text string
	last      time.Time
	times     int
}

// startsOver is no folder.
const startsOver = ""

const (
	enoughTimes   = 3           // an app that says the same that often, with
	apart         = time.Second // this time between, starts over
	maxComplaints = 100         // different ones per sandbox
)

func newAdvisor(log io.Writer, next func(sandbox.Record), image bool) *advisor {
	return &advisor{log: log, next: next, image: image, told: map[string]bool{}, starts: map[int]*[]complaint{}}
}

// observe takes the records of the version's sandboxes.
func (a *advisor) observe(record sandbox.Record) {
	if a.next != nil {
		a.next(record)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch r := record.(type) {
	case sandbox.Change:
		delete(a.starts, r.Sandbox)
		switch r.State {
		case sandbox.Starting:
			a.starts[r.Sandbox] = &[]complaint{}
		case sandbox.Ready:
			a.retries = ""
		}
	case sandbox.Line:
		if r.Platform {
			return
		}
		if a.image {
			a.readOnly(r.Text)
			a.lambdaBase(r.Text)
		}
		if start := a.starts[r.Sandbox]; start != nil {
			a.attempt(start, r)
		}
	}
}

// readOnly tells which file the app wants to write, once for each folder.
func (a *advisor) readOnly(line string) {
	file, found := readOnlyPath(line)
	if !found {
		return
	}
	folder := path.Dir(file)
	if file == "" {
		folder = "..."
	}
	if a.told[folder] {
		return
	}
	a.told[folder] = true
	if file == "" {
		file = "a file"
	}
	fmt.Fprintf(a.log,
		"lambda-web: the app wants to write %s; on Lambda only /tmp can be written. Have it write there, or "+
			"make the folder a writable one with the setting writable: [%s]\n", file, folder)
}

// wantsHandler is what AWS's base images say when their entry point is given a web server's command.
// https://github.com/aws/aws-lambda-base-images
const wantsHandler = "entrypoint requires the handler name"

func (a *advisor) lambdaBase(line string) {
	if !strings.Contains(line, wantsHandler) || a.told[wantsHandler] {
		return
	}
	a.told[wantsHandler] = true
	fmt.Fprintln(a.log,
		"lambda-web: the ENTRYPOINT of the image's base wants the name of a Lambda handler, and gets the "+
			"app's command. Add ENTRYPOINT [] to the Dockerfile, before CMD")
}

// attempt counts what an app complains about before it is ready.
func (a *advisor) attempt(start *[]complaint, line sandbox.Line) {
	if !complains.MatchString(line.Text) || strings.Contains(line.Text, " lambda-adapter: ") {
		return
	}
	key := digits.ReplaceAllString(line.Text, "")
	for i := range *start {
		c := &(*start)[i]
		if c.key != key {
			continue
		}
		if line.Time.Sub(c.last) >= apart {
			c.times, c.last, c.text = c.times+1, line.Time, line.Text
		}
		if c.times >= enoughTimes {
			a.startsOver(*c)
		}
		return
	}
	if len(*start) < maxComplaints {
		*start = append(*start, complaint{key, line.Text, line.Time, 1})
	}
}

func (a *advisor) startsOver(c complaint) {
	if a.retries != "" && a.retriesOf != c.key {
		return // the first line of several says it
	}
	a.retriesOf = c.key
	a.retries = fmt.Sprintf("the app is not ready and tries again and again; it said %d times: %s", c.times,
		strings.TrimSpace(c.text))
	if c.times == enoughTimes && !a.told[startsOver] {
		a.told[startsOver] = true
		fmt.Fprintf(a.log, "lambda-web: %s\n", a.retries)
	}
}

var (
	complains = regexp.MustCompile(`(?i)error|exception|denied|refused|failed|fatal|cannot|could not|unable|panic`)
	digits    = regexp.MustCompile(`[0-9]+`)

	saysReadOnly = regexp.MustCompile(`(?i)read-only file ?system|\bEROFS\b`)
	// A path in quotes, which may have spaces and be relative, or an absolute one without.
	quotedPath   = regexp.MustCompile("['\"`‘]([^'\"`‘’]*[^'\"`‘’/ ])['\"`’]")
	absolutePath = regexp.MustCompile(`(?:^|[\s(:=])(/[^\s'"‘’:;,()]*[^\s'"‘’:;,().])`)
)

// readOnlyPath is the file that a line says could not be written because its file system is read-only; it is empty
// where the line does not name it.
func readOnlyPath(line string) (file string, found bool) {
	if !saysReadOnly.MatchString(line) {
		return "", false
	}
	for _, pattern := range []*regexp.Regexp{quotedPath, absolutePath} {
		for _, m := range pattern.FindAllStringSubmatch(line, -1) {
			if strings.Contains(m[1], "/") || pattern == quotedPath && strings.Contains(m[1], ".") {
				return m[1], true
			}
		}
	}
	return "", true
}

// explain adds to an error that a version which did not become ready has caused.
func (a *advisor) explain(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil || a.retries == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, a.retries)
}

// advised is a function whose time-outs say what the app repeats instead of becoming ready.
type advised struct {
	sandbox.Invoker
	advisor *advisor
}

func (a advised) Invoke(ctx context.Context, in sandbox.Invocation) (sandbox.Result, error) {
	result, err := a.Invoker.Invoke(ctx, in)
	if errors.Is(err, context.DeadlineExceeded) {
		err = a.advisor.explain(err)
	}
	return result, err
}
