// Package failure names the ways an invocation can fail, as the Runtime API reports them.
package failure

// Types of errors. Lambda accepts `(Runtime|Function)\.[A-Z][a-zA-Z]+`; anything else is shown as Runtime.Unknown.
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
)

// Failure is the reason why an invocation, or the init phase, has no good answer.
type Failure struct {
	Type    string // one of the constants above
	Message string // one plain sentence: what was attempted, where, how long, why it failed
}

func (f *Failure) Error() string { return f.Message }

// New makes a failure.
func New(kind, message string) *Failure { return &Failure{Type: kind, Message: message} }
