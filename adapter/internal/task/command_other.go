//go:build !linux

package task

import (
	"io"
	"time"

	"lambda-web/adapter/internal/failure"
)

// Runner runs commands, on Linux alone, as Lambda has no other system.
type Runner struct{}

// NewRunner returns a runner.
func NewRunner(io.Writer) *Runner { return &Runner{} }

// Run says that this is not Lambda's system.
func (r *Runner) Run(command []string, _ time.Time) (result Result) {
	result.fail(failure.TaskNotExecutable, exitNotExecutable, Name(command), "commands are run on Linux alone")
	return result
}

// Shutdown has nothing to end.
func (r *Runner) Shutdown() {}
