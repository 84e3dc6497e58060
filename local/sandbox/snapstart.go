package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// SnapStart at the level of its protocol: one init when a version is published, with Lambda's limits; processes that
// wait in restore/next; a restore, with its hooks and its limit, before the first invocation of each sandbox. What is
// not here is the snapshot: each sandbox has been started by itself, so that nothing is shared between them as it is
// on Lambda.
//
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html

// Lambda's answers to an invocation whose restore failed.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
var (
	// ErrSnapStart: a hook or a process failed (400 SnapStartException).
	ErrSnapStart = errors.New("the environment could not be restored")
	// ErrSnapStartTimeout: the restore took too long (408 SnapStartTimeoutException).
	ErrSnapStartTimeout = errors.New("the restore of the environment timed out")
)

// restoreTimedOut is the platform's word for a restore that took too long.
const restoreTimedOut = "Runtime.RestoreHookUserTimeout"

const (
	credentialsPath      = "/2021-04-23/credentials"
	snapStartType        = "snap-start"
	snapStartLabelNotice = "the image's runtime asked for an invocation and not for a restore " +
		"(restore/next): on AWS its version is not published unless the image " +
		`has LABEL com.amazonaws.lambda.feature.snapstart="Allow"`
	snapStartNotice = "SnapStart here is its protocol: each sandbox is started by itself and waits for its " +
		"restore, so that nothing is shared between " +
		"sandboxes as it is between copies of a snapshot"
)

// restoration is the state of a sandbox between its init and its first invocation. It is under the sandbox's lock.
type restoration struct {
	poll     *conn         // parked in restore/next
	parked   bool          // the init is over, the restore has not begun
	over     chan struct{} // closed when the restore has succeeded or failed
	duration time.Duration
	reported bool // in a REPORT line
	token    string
}

// restoreNext parks the runtime across the snapshot. The init ends with it.
func (sb *sandbox) restoreNext(c *conn) {
	sb.mu.Lock()
	if sb.phase != initialising || sb.restoration.poll != nil || sb.runtimeReady {
		sb.mu.Unlock()
		c.refuse(http.StatusForbidden, "InvalidStateTransition",
			"State transition to RuntimeRestoreReady failed for runtime. Error: State transition is not allowed")
		return
	}
	sb.restoration.poll, sb.restoration.parked = c, true
	over := sb.advance()
	sb.mu.Unlock()
	sb.finish(over)
}

// isParked is true before the restore.
func (sb *sandbox) isParked() bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.phase == idle && sb.restoration.parked
}

// restore wakes the processes and returns when the runtime asks for an invocation, or why it does not. After a
// failure no process is left.
func (sb *sandbox) restore() *failure {
	sb.mu.Lock()
	if sb.phase != idle {
		defer sb.mu.Unlock()
		return either(sb.failure, closedFailure)
	}
	sb.thaw()
	poll := sb.restoration.poll
	sb.phase, sb.restoration.parked, sb.restoration.over = restoring, false, make(chan struct{})
	over := sb.restoration.over
	sb.mu.Unlock()
	sb.logRestoreStart()
	began := time.Now()
	poll.replyAs("", http.StatusOK, nil)
	timer := time.NewTimer(sb.cfg.Limits.Restore)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
		sb.fail(&failure{errorType: restoreTimedOut, message: fmt.Sprintf("the restore took longer than %s",
			sb.cfg.Limits.Restore), reason: timeout})
		<-over
	}
	sb.mu.Lock()
	sb.restoration.duration = time.Since(began)
	f := sb.failure
	sb.mu.Unlock()
	sb.drainOutput() // what the restore's own steps said comes before the report of it
	if f != nil {
		sb.observeChange(Failed, f)
		sb.shutdown(f.reason)
	}
	sb.logRestoreReport(f)
	return f
}

// restoreAndRun is the first invocation of a sandbox that waits for its restore. It takes the pool's lock.
func (p *pool) restoreAndRun(sb *sandbox, e *execution) {
	f := sb.restore()
	if f == nil && sb.begin(e) {
		return
	}
	if f == nil {
		f = closedFailure // between the two
	}
	e.answer(Result{}, restoreError(f))
	p.lost(sb)
}

// bootAndRestore makes up for a sandbox that was lost: on Lambda another copy is restored, here the processes start
// first. It takes the pool's lock.
func (p *pool) bootAndRestore(sb *sandbox, e *execution) {
	f := sb.boot(p.cfg.Limits.ProvisionedInit)
	p.openGate(sb)
	switch {
	case f == nil && sb.isParked():
		p.restoreAndRun(sb, e)
	case f == nil && sb.begin(e):
	default:
		f = either(f, closedFailure)
		sb.logInit("init", f)
		e.answer(Result{}, restoreError(f))
		p.lost(sb)
	}
}

func restoreError(f *failure) error {
	switch {
	case f == closedFailure || f.errorType == "Sandbox.Closed":
		return ErrClosed
	case f.errorType == restoreTimedOut:
		return fmt.Errorf("%w: %s", ErrSnapStartTimeout, f)
	}
	return fmt.Errorf("%w: %s", ErrSnapStart, f)
}

// restoreErrorTypes are those that Lambda takes from a runtime.
var restoreErrorTypes = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// restoreFailed takes restore/error. The runtime is expected to exit.
func (sb *sandbox) restoreFailed(c *conn, r *http.Request) {
	body, err := readBody(r, maxErrorDocument)
	if err != nil {
		c.refuse(http.StatusBadRequest, "InvalidRequestFormat", "The error document was cut off or too long: "+
			err.Error())
		return
	}
	errorType := r.Header.Get(headerErrorType)
	if !restoreErrorTypes.MatchString(errorType) {
		errorType = "Runtime.Unknown"
	}
	sb.mu.Lock()
	restores := sb.phase == restoring
	sb.mu.Unlock()
	if !restores {
		c.refuse(http.StatusForbidden, "InvalidStateTransition",
			"State transition to RestoreError failed for runtime. Error: State transition is not allowed")
		return
	}
	c.accept()
	sb.fail(&failure{errorType: errorType, message: errorMessage(body), reason: failed})
}

// credentials answers with those of the function's role, as far as there are any: they are not in the environment,
// which is part of the snapshot.
func (sb *sandbox) credentials(c *conn, r *http.Request) {
	env := sb.cfg.Env
	if r.Header.Get("Authorization") != sb.restoration.token || env["AWS_ACCESS_KEY_ID"] == "" {
		notFound(c)
		return
	}
	document, _ := json.Marshal(struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}{env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"],
		sb.cfg.Now().UTC().Add(6 * time.Hour)})
	c.reply(http.StatusOK, document)
}

// snapshotVariables changes what processes see whose memory becomes a snapshot: nothing that differs between its
// copies.
func (c Config) snapshotVariables(v map[string]string, e environment) {
	v["AWS_LAMBDA_INITIALIZATION_TYPE"] = snapStartType
	for _, name := range []string{"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"} {
		delete(v, name)
	}
	if v["AWS_ACCESS_KEY_ID"] == "" {
		return
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		delete(v, name)
	}
	v["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://" + e.runtimeAPI + credentialsPath
	v["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = e.credentialsToken
}

func newToken() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// logPublished ends the init of a version.
func (sb *sandbox) logPublished() {
	sb.drainOutput()
	sb.logInit("init", nil)
	sb.log.notice(snapStartNotice)
	sb.mu.Lock()
	asks := sb.restoration.poll != nil
	sb.mu.Unlock()
	if !asks {
		sb.log.notice(snapStartLabelNotice)
	}
}

// The lines about a restore.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html

func (sb *sandbox) logRestoreStart() {
	if sb.cfg.LogFormat == LogJSON {
		sb.logJSON("platform.restoreStart", map[string]string{"functionName": sb.cfg.Name,
			"functionVersion": sb.cfg.Version})
		return
	}
	sb.log.lines([]byte(restoreStartText))
}

func (sb *sandbox) logRestoreReport(f *failure) {
	took, status := milliseconds(sb.restoration.duration), "success"
	switch {
	case f == nil:
	case f.errorType == restoreTimedOut:
		status = "timeout"
	default:
		status = "error"
	}
	if sb.cfg.LogFormat == LogJSON {
		r := map[string]any{"status": status, "metrics": map[string]float64{"durationMs": took}}
		if status == "error" {
			r["errorType"] = f.errorType
		}
		sb.logJSON("platform.restoreReport", r)
		return
	}
	text := "RESTORE_REPORT Restore Duration: " + strconv.FormatFloat(took, 'f', 2, 64) + " ms"
	if f != nil {
		text = f.String() + "\n" + text + "\tStatus: " + status
	}
	if status == "error" {
		text += "\tError Type: " + f.errorType
	}
	sb.log.lines([]byte(text))
}
