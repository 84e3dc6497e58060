// Package failure names the ways an invocation can fail, as the Runtime API reports them.
package failure

import "strings"

// Types of errors.
const (
	AppConnect            = "Function.AppConnectError"
	AppBadResponse        = "Function.AppBadResponse"
	AppTimeout            = "Function.AppTimeout"
	AppNotReady           = "Function.AppNotReady"
	HTTPStatus            = "Function.HttpStatusError"
	BadEvent              = "Function.BadEvent"
	ResponseTooLarge      = "Function.ResponseSizeTooLarge"
	Adapter               = "Runtime.AdapterError"
	RuntimeBeforeSnapshot = "Runtime.BeforeSnapshotError"
	RuntimeAfterRestore   = "Runtime.AfterRestoreError"

	TaskExitStatus     = "Task.ExitStatus"
	TaskNotFound       = "Task.NotFound"
	TaskNotExecutable  = "Task.NotExecutable"
	TaskDeadline       = "Task.Deadline"
	TaskInvalidCommand = "Task.InvalidCommand"
)

// Failure is the reason why an invocation, or the init phase, has no good answer.
type Failure struct {
	Type    string // one of the constants above
	Message string // one plain sentence: what was attempted, where, how long, why it failed
	Members []byte // more members of the JSON object that is reported, without a comma around them
}

// Reported is the type as Lambda takes it beside the report, which has the type itself:
// `(Runtime|Function)\.[A-Z][a-zA-Z]+`. It shows anything else as Runtime.Unknown.
func (f *Failure) Reported() string {
	if name, ok := strings.CutPrefix(f.Type, "Task."); ok {
		return "Function.Task" + name
	}
	return f.Type
}

func (f *Failure) Error() string { return f.Message }

// New makes a failure.
func New(kind, message string) *Failure { return &Failure{Type: kind, Message: message} }
