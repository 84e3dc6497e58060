// Package terminal is what a developer sees of the local cloud on a terminal: one line per request, with the app's own
// lines beneath it, and what changed. It gets the records of gateway and sandbox and joins them by the request's id.
//
// screen.go writes lines that fit the terminal, requests.go makes them of the records, keys.go reads single keys.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"lambda-web/local/sandbox"
)

// Config is how a Screen looks.
type Config struct {
	Out      io.Writer  // the terminal
	Width    func() int // its columns now; 0 is not known
	Colour   bool
	Platform bool // shows START, END and REPORT, dimmed
}

// Screen writes to a terminal. Its methods may be called from any goroutine.
type Screen struct {
	config Config

	mu       sync.Mutex
	requests map[string]*request              // by the id of the invocation, until nothing more can come of them
	inits    map[sandbox.Source]time.Duration // of sandboxes whose first request is still to come
	last     *request                         // whose lines are the last on the screen
	spaced   bool                             // the last line is empty
}

// New makes a screen.
func New(c Config) *Screen {
	return &Screen{config: c, requests: map[string]*request{}, inits: map[sandbox.Source]time.Duration{}}
}

// colour is how a text looks. There is one for errors.
type colour int

const (
	plain colour = iota
	dim
	bold
	red
	yellow
)

var styles = map[colour]ansi.Style{
	dim:    ansi.Style{}.Faint(),
	bold:   ansi.Style{}.Bold(),
	red:    ansi.Style{}.ForegroundColor(ansi.Red),
	yellow: ansi.Style{}.ForegroundColor(ansi.Yellow),
}

func (s *Screen) paint(c colour, text string) string {
	if !s.config.Colour || c == plain || text == "" {
		return text
	}
	return styles[c].Styled(text)
}

// Say tells something in a line, or in as many as it takes.
func (s *Screen) Say(format string, arguments ...any) {
	s.paragraph(plain, fmt.Sprintf(format, arguments...))
}

// Aside is for what is good to know and no more.
func (s *Screen) Aside(format string, arguments ...any) {
	s.paragraph(dim, fmt.Sprintf(format, arguments...))
}

// Fail tells what went wrong: the reason first, then what it means.
func (s *Screen) Fail(reason error, consequence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blank()
	s.wrap(red, strings.TrimSpace(reason.Error()))
	s.wrap(plain, consequence)
	s.blank()
}

// Address ends a start: the URL stands last and alone.
func (s *Screen) Address(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blank()
	s.write("  " + s.paint(bold, url))
	s.blank()
}

// Space separates what follows from what was before.
func (s *Screen) Space() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blank()
}

// Write implements io.Writer for lines of the local cloud's own, such as those of a build.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(string(text)) {
		s.wrap(dim, strings.TrimRight(line, "\r\n"))
	}
	return len(text), nil
}

func (s *Screen) paragraph(c colour, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrap(c, text)
}

// The following need the lock.

// width is the columns of the terminal, or more than any line has.
func (s *Screen) width() int {
	if s.config.Width != nil {
		if w := s.config.Width(); w > 0 {
			return w
		}
	}
	return 1 << 20
}

// wrap writes a text of ours in lines that fit.
func (s *Screen) wrap(c colour, text string) {
	s.last = nil
	s.lines(c, text)
}

func (s *Screen) lines(c colour, text string) {
	for line := range strings.SplitSeq(ansi.Wrap(text, s.width(), ""), "\n") {
		if line != "" || !s.spaced {
			s.write(s.paint(c, line))
		}
	}
}

// blank leaves one line empty.
func (s *Screen) blank() {
	if !s.spaced {
		s.write("")
	}
	s.last = nil
}

func (s *Screen) write(line string) {
	s.spaced = line == ""
	io.WriteString(s.config.Out, line+"\n")
}

// below writes a text of ours below a request, in lines that fit.
func (s *Screen) below(c colour, text string) {
	const indent = "  "
	if room := s.width() - len(indent); ansi.StringWidth(text) <= room {
		s.write(indent + s.paint(c, text))
		return
	}
	s.lines(c, text)
}

// indented writes a line of the app below its request, without making it wider than the terminal.
func (s *Screen) indented(c colour, text string) {
	const indent = "  "
	if ansi.StringWidth(text)+len(indent) > s.width() {
		s.write(s.paint(c, text))
		return
	}
	s.write(indent + s.paint(c, text))
}

// row writes a line of two parts, of which the first is shortened in its middle where both do not fit.
func (s *Screen) row(c colour, first, middle, end, aside string) {
	fixed := ansi.StringWidth(first) + ansi.StringWidth(end) + len("  ")
	room := s.width() - fixed - ansi.StringWidth(aside)
	if least := min(12, ansi.StringWidth(middle)); room < least { // the path is worth more than what is beside it
		aside = ansi.Truncate(aside, max(0, s.width()-fixed-least), "…")
		if room = least; ansi.StringWidth(aside) < 8 {
			aside, room = "", s.width()-fixed+len("  ")
		}
	}
	line := s.paint(c, first+shorten(middle, max(room, 1))+end)
	if aside != "" {
		line += "  " + s.paint(dim, aside)
	}
	s.write(line)
}

// shorten leaves the beginning and the end of a text that is too wide.
func shorten(text string, columns int) string {
	width := ansi.StringWidth(text)
	if width <= columns {
		return text
	}
	if columns < 3 {
		return ansi.Truncate(text, columns, "")
	}
	head, tail := (columns-1)/2, columns/2
	end := ansi.TruncateLeft(text, width-tail, "")
	for cut := width - tail; ansi.StringWidth(end) > tail; cut++ { // a wide character stood across the cut
		end = ansi.TruncateLeft(text, cut+1, "")
	}
	return ansi.Truncate(text, head, "") + "…" + end
}

// printable has no control characters: a client chose it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\uFFFD' {
			return '?'
		}
		return r
	}, text)
}
