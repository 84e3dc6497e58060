package contract

import (
	"strings"
)

// SnapStart: what is not documented for container images is noted, and what is, is judged.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html

var snapshots = []Check{
	{"snapstart/hooks", "The hook before the snapshot has run once, the one after the restore too", Snapshot, 0,
		func(r *Run) {
			process := r.Seen("/", "").Process
			r.Want("before", process.Before, 1)
			r.Want("after", process.After, 1)
		}},
	{"snapstart/variables", "The credentials are at an endpoint, and the log is not named", Snapshot, 0, func(r *Run) {
		v := r.Seen("/", order("tell", "environment")).Process.Variables
		r.Want("AWS_LAMBDA_INITIALIZATION_TYPE", v["AWS_LAMBDA_INITIALIZATION_TYPE"], "snap-start")
		for _, name := range []string{"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
			"AWS_ACCESS_KEY_ID"} {
			_, there := v[name]
			r.Want(name+" is set", there, false)
		}
		_, endpoint := v["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
		r.Note("credentials have an endpoint", endpoint)
	}},
	{"snapstart/report", "REPORT has the restore in the place of an init", Snapshot, Log, func(r *Run) {
		report := r.Logged("\tRestore Duration: ")
		r.True("Billed Restore Duration", strings.Contains(report, "\tBilled Restore Duration: "), report)
		r.True("no Init Duration", !strings.Contains(report, "Init Duration"), report)
	}},
	{"snapstart/restore-start", "The line at the begin of a restore of an image", Snapshot, Log, func(r *Run) {
		start := r.Logged("RESTORE_START")
		if at := strings.Index(start, "RESTORE_START"); at >= 0 {
			r.Note("line", start[at:])
		}
		r.Logged("RESTORE_REPORT Restore Duration: ")
	}},
	{"snapstart/clock", "Whether the monotonic clock goes on across the snapshot", Snapshot, 0, func(r *Run) {
		clock := r.Seen("/", order("tell", "clock")).Process.Clock
		r.Note("the clocks agree within a second", max(clock.Wall-clock.Monotonic, clock.Monotonic-clock.Wall) < 1000)
		r.Note("the processes stood still for more than 5 seconds", clock.Gap > 5000)
	}},
	{"snapstart/shared", "Whether two environments share what the app made before the snapshot", Snapshot, 0,
		func(r *Run) {
			r.Unordered()
			made := map[string]bool{}
			for _, answer := range r.parallel(3, order("sleep", "2s", "then", "woke")) {
				made[r.Report(answer).Process.Instance] = true
			}
			r.Note("environments share what was made", len(made) == 1)
		}},
	{"snapstart/failing-restore", "What a client gets when the hook after a restore fails", Unrestored, 0,
		func(r *Run) {
			answer := r.Get("/", "")
			r.True("it is an error of the gateway", oneOf(answer.Status, 500, 502, 504), line(answer.Status))
			r.Note("status", line(answer.Status))
			r.Note("body", string(answer.Body))
			r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
		}},
	{"snapstart/failing-restore-direct", "What a caller gets when the hook after a restore fails", Unrestored, Invoke,
		func(r *Run) {
			result := r.Invoke(Invocation{Event: `{}`})
			r.Note("status", line(result.Status))
			r.Note("code", result.Error)
		}},
}
