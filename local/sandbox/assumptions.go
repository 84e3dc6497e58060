package sandbox

import (
	"net/http"
	"time"
)

// What Lambda does here is not documented and not recorded, or sources disagree. Each decision has one place, so that
// it changes in one place once somebody has seen the service do it. Each names the check of the contract suite
// (docs/contract.md) that would settle it, or why none can.

// extensionRefusal is the status of every error answer of the Extensions API. The documentation names 400, 403 and 500
// without saying which is for what; the emulator uses this one throughout.
//
// No check: an extension of its own would have to ask for it.
const extensionRefusal = http.StatusForbidden

// refuseDuringReset answers a runtime that posts while its sandbox ends, for example after the timeout of its
// invocation.
//
// No check: only the runtime of a sandbox that ends sees it.
func refuseDuringReset(c *conn) {
	c.refuse(http.StatusGone, "InvocationTimeout", "The invocation is over: the sandbox is being reset")
}

// truncatedResponse is the error type when a runtime's connection ends in the middle of its response. The emulator
// never recovers from that.
//
// No check: the adapter does not break its answers off.
const truncatedResponse = "Runtime.TruncatedResponse"

// truncated is the payload with it.
//
// No check: the adapter does not break its answers off.
func truncated(e *execution) []byte {
	return errorDocument(truncatedResponse, "RequestId: "+e.RequestID+" Error: the runtime did not finish its response")
}

// streams tells a streamed response from a buffered one, whose limit is lower. Not every runtime sends the mode with
// it.
//
// No check: the adapter sends the mode.
func streams(r *http.Request) bool {
	return r.Header.Get(headerResponseMode) != "" ||
		r.Header.Get("Content-Type") == "application/vnd.awslambda.http-integration-response"
}

// lastWords is how long a runtime may go on after it reported that its init failed. Killed at once, it could not log
// why.
//
// No check: a failed init serves nobody.
func (c Config) lastWords() time.Duration { return c.Limits.RuntimeShutdown }

// defaultQueueWait is how long an invocation waits when no further sandbox may be started. Lambda throttles at once;
// its callers try again, which a browser in front of the local gateway does not.
//
// Check: capacity/at-the-limit.
const defaultQueueWait = 10 * time.Second

// restoreStartText is the line at the begin of a restore. What it says of an image without a managed runtime is not
// documented.
//
// Check: snapstart/restore-start.
const restoreStartText = "RESTORE_START Runtime Version: provided"
