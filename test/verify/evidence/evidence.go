// Package evidence is what a run of the contract suite leaves: for each check what was sent, what came back, when,
// where and whether it was as expected. It is written to be handed on: whatever names an account, a machine or a
// request is replaced before anything is written.
package evidence

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Verdicts of a check.
const (
	Pass = "pass"
	Fail = "fail"
	Skip = "skip"
)

// Record is what one check leaves, a line of the file.
type Record struct {
	Check        string            `json:"check"`
	Verdict      string            `json:"verdict"`
	Reasons      []string          `json:"reasons,omitempty"` // of a failure, or why it was skipped
	Where        string            `json:"where"`             // local process, local container, AWS, endpoint
	Region       string            `json:"region,omitempty"`
	Time         time.Time         `json:"time"`
	Milliseconds int64             `json:"milliseconds"`
	Exchanges    []Exchange        `json:"exchanges,omitempty"`
	Facts        map[string]string `json:"facts,omitempty"` // what was noted beside the answers
	// Unordered is set where how many requests there were, and what each got, is left to chance.
	Unordered bool `json:"unordered,omitempty"`
}

// Exchange is a request and its answer.
type Exchange struct {
	Request Message `json:"request"`
	Answer  Message `json:"answer"`
}

// Message is one of the two. A body is its begin as text, or what it is.
type Message struct {
	Line    string              `json:"line"` // request line, status, or how an event was sent
	Headers map[string][]string `json:"headers,omitempty"`
	Body    string              `json:"body,omitempty"`
	Bytes   int                 `json:"bytes"`
	Broken  string              `json:"broken,omitempty"` // why it is not whole
}

// Write writes the records, one a line, with everything replaced that the redaction knows.
func Write(file string, records []Record, r *Redaction) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	out, err := os.CreateTemp(filepath.Dir(file), "evidence")
	if err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	defer os.Remove(out.Name())
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, record := range records {
		err = errors.Join(err, encoder.Encode(r.record(record)))
	}
	if err := errors.Join(err, out.Chmod(0o644), out.Close()); err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	return nil
}

// Read reads a file that Write wrote.
func Read(file string) ([]Record, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", err)
	}
	defer in.Close()
	var records []Record
	decoder := json.NewDecoder(bufio.NewReader(in))
	for {
		var record Record
		switch err := decoder.Decode(&record); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, fmt.Errorf("read the evidence %s: %w", file, err)
		}
		records = append(records, record)
	}
}
