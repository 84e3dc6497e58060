package webapp

import (
	"fmt"
	"strings"
)

// Mistake is one setting that cannot be used.
type Mistake struct {
	Key    string // the configuration key
	Reason string // the value and what to set instead, in words
}

func (m Mistake) String() string { return m.Key + ": " + m.Reason }

// ArgsError is every mistake of a web app's settings.
type ArgsError struct {
	Of       string // the stack or component
	Mistakes []Mistake
}

func (e *ArgsError) Error() string {
	var b strings.Builder
	plural := "a mistake"
	if len(e.Mistakes) > 1 {
		plural = fmt.Sprintf("%d mistakes", len(e.Mistakes))
	}
	fmt.Fprintf(&b, "the settings of %s have %s, nothing was changed:", e.Of, plural)
	for _, m := range e.Mistakes {
		fmt.Fprintf(&b, "\n  - %s", m)
	}
	return b.String()
}

// mistakes collects what is wrong, in the order in which it is found.
type mistakes []Mistake

func (m *mistakes) add(key, format string, args ...any) {
	*m = append(*m, Mistake{key, fmt.Sprintf(format, args...)})
}

func (m mistakes) err(of string) error {
	if len(m) == 0 {
		return nil
	}
	return &ArgsError{Of: of, Mistakes: m}
}
