package contract

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"lambda-web/test/verify/wire"
)

// What the app finds around it, and how it lives.

var environments = []Check{
	{"environment/variables", "Lambda's variables", Open, 0, func(r *Run) {
		v := r.Seen("/", order("tell", "environment")).Process.Variables
		for name, want := range map[string]string{"TZ": ":UTC", "LANG": "en_US.UTF-8", "AWS_REGION": r.Region,
			"AWS_DEFAULT_REGION": r.Region, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(Memory),
			"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"} {
			r.Want(name, v[name], want)
		}
		for _, name := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME",
			"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "VERIFY_PHASE"} {
			_, there := v[name]
			r.True(name+" is set", there, slices.Sorted(maps.Keys(v)))
		}
		r.Note("names", strings.Join(slices.Sorted(maps.Keys(v)), " "))
		for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "PWD", "PORT", "_HANDLER", "LAMBDA_TASK_ROOT",
			"LAMBDA_RUNTIME_DIR", "SHLVL"} {
			r.Note(name, v[name])
		}
	}},
	{"environment/files", "Only /tmp can be written", Open, 0, func(r *Run) {
		files := r.Seen("/", order("tell", "files")).Process.Files
		r.Want("/tmp", files["/tmp"], "can be written")
		for _, folder := range []string{"/srv", "/", "/dev/shm", "/opt"} {
			r.Note(folder, files[folder])
		}
	}},
	{"environment/limits", "User, and how many files may be open", Open, 0, func(r *Run) {
		for name, value := range r.Seen("/", order("tell", "limits")).Process.Limits {
			r.Note(name, value)
		}
	}},
}

// event is an event of no known source, with an order for the app.
func event(pairs ...string) string {
	text, _ := json.Marshal(map[string]string{"verify": order(pairs...)})
	return string(text)
}

func instance(result Result) string {
	var seen Seen
	json.Unmarshal([]byte(result.Payload), &seen) // what is none has no instance
	return seen.Process.Instance
}

var direct = []Check{
	{"direct/event", "An event of no known source is posted as it is, and the answer is the result", Open, Invoke,
		func(r *Run) {
			const sent = `{ "a": [1, 2],  "b": "λ" }`
			result := r.Invoke(Invocation{Event: sent})
			var seen Seen
			r.True("the result is JSON", json.Unmarshal([]byte(result.Payload), &seen) == nil, result.Payload)
			r.Want("what the app got", seen.Request.Text, sent)
			r.Want("method and path", seen.Request.Method+" "+seen.Request.Target, "POST /events")
		}},
	{"direct/log", "The log has START, the app's line, END and REPORT", Open, Invoke, func(r *Run) {
		mark := "verify-log-" + r.unique()
		// The app's lines take a way of their own: they need not come before END if it comes at once.
		result := r.Invoke(Invocation{Event: event("log", mark, "sleep", "300ms", "then", "woke")})
		at := 0
		for _, text := range []string{"START RequestId: ", mark, "END RequestId: ", "REPORT RequestId: "} {
			found := strings.Index(result.Log[at:], text)
			if found < 0 {
				r.Fail("%q is missing, or too early, in %q", text, result.Log)
				return
			}
			at += found
		}
		report := result.Log[at:]
		for _, part := range []string{"\tDuration: ", "\tBilled Duration: ",
			fmt.Sprintf("\tMemory Size: %d MB", Memory), "\tMax Memory Used: "} {
			r.True("REPORT has "+strings.TrimSpace(part), strings.Contains(report, part), report)
		}
	}},
	{"direct/no-json", "An event that is no JSON is refused", Open, Invoke, func(r *Run) {
		result := r.Invoke(Invocation{Event: `{"a":`})
		r.Want("status", result.Status, http.StatusBadRequest)
		r.Want("code", result.Error, "InvalidRequestContentException")
	}},
	{"direct/too-large", "An event above 6 MB is refused", Open, Invoke, func(r *Run) {
		result := r.Invoke(Invocation{Event: `"` + strings.Repeat("a", 6*mb+1000) + `"`})
		r.Want("status", result.Status, http.StatusRequestEntityTooLarge)
		r.Want("code", result.Error, "RequestTooLargeException")
	}},
	{"direct/unknown", "A function that does not exist is a 404", Open, Invoke, func(r *Run) {
		result := r.Invoke(Invocation{Event: `{}`, Name: r.Function.Name + "-no"})
		r.Note("code", result.Error)
		r.True("it is refused", oneOf(result.Status, http.StatusNotFound, http.StatusForbidden), line(result.Status))
	}},
	{"direct/version", "The alias leads to the version that serves", Open, Invoke, func(r *Run) {
		version := r.Invoke(Invocation{Event: `{}`}).Version
		r.True("a version's number", version != "" && strings.Trim(version, "0123456789") == "", version)
	}},
	{"direct/client-context", "The client's context reaches the app", Open, Invoke, func(r *Run) {
		var seen Seen
		result := r.Invoke(Invocation{Event: `{}`, Context: `{"custom":{"k":"v"}}`})
		json.Unmarshal([]byte(result.Payload), &seen) // without one the next line fails
		text, _ := json.Marshal(seen.Lambda()["client_context"])
		r.True("the context", strings.Contains(string(text), `"k":"v"`), seen.Lambda())
	}},
}

// unique is a word that no other run has used.
func (r *Run) unique() string {
	var b [6]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Logged judges that the log has a line.
func (r *Run) Logged(text string) string {
	line, err := r.AwaitLog(r.ctx, text)
	if err != nil {
		r.Fail("%v", err)
	}
	return line
}

var lives = []Check{
	{"life/warm", "One request after the other is served by processes that are there", Open, 0, func(r *Run) {
		r.Unordered()
		instances := map[string]bool{}
		for range 6 {
			instances[r.Seen("/", "").Process.Instance] = true
		}
		r.True("processes that served six requests", len(instances) < 6, len(instances))
	}},
	{"life/parallel", "Requests at once have processes of their own", Open, 0, func(r *Run) {
		r.Unordered()
		instances := map[string]bool{}
		for _, answer := range r.parallel(4, order("sleep", "1s", "then", "woke")) {
			instances[r.Report(answer).Process.Instance] = true
		}
		// Where a start takes longer than a request, one process may serve two.
		r.True("there are several processes", len(instances) > 1, len(instances))
	}},
	{"life/cold", "The first invocation of an environment has the init in its REPORT", Open, Log, func(r *Run) {
		r.Unordered()
		r.parallel(4, order("sleep", "1s", "then", "woke")) // more than are there
		report := r.Logged("\tInit Duration: ")
		r.True("it is a REPORT", strings.Contains(report, "REPORT RequestId: "), report)
	}},
	{"life/freeze", "Processes stand still between invocations", Open, 0, func(r *Run) {
		r.warm()
		before := r.Seen("/", order("tell", "clock")).Process
		time.Sleep(3 * time.Second)
		for range 6 {
			if after := r.Seen("/", order("tell", "clock")).Process; after.Instance == before.Instance {
				r.Note("frozen", after.Clock.Gap > 2000)
				return
			}
		}
		r.Skip("others than the process that was asked before have answered")
	}},
	{"life/change", "A new version takes over under load, and no request is lost", Open, Changes, func(r *Run) {
		r.Unordered()
		r.change("two")
	}},
	{"life/sigterm", "The app gets SIGTERM when its environment ends", Open, Log | Changes, func(r *Run) {
		// The check before has put the first version out of service.
		r.Logged("app: SIGTERM")
	}},
}

// crashes come last: an app whose end has not been noticed yet may cost a request of the check that follows.
var crashes = []Check{
	{"environment/memory", "An app that takes more than the function's memory", Open, 0, func(r *Run) {
		answer := r.Get("/", order("allocate", fmt.Sprint(Memory*3/2), "body", "t"))
		r.Note("answer", line(answer.Status))
		r.restarted("")
	}},
	{"failures/exit", "An app that ends is a 502, and there is a new one soon", Open, 0, func(r *Run) {
		r.Refused(r.Get("/", order("exit", "3")), http.StatusBadGateway, internalError,
			"InternalServerErrorException")
		r.restarted("")
	}},
	{"direct/crash", "An app that ends is an error of the function", Open, Invoke, func(r *Run) {
		result := r.Invoke(Invocation{Event: event("exit", "3")})
		r.Want("function error", result.Error, "Unhandled")
		// Either Lambda sees the process end first, or the adapter sees its connection end.
		r.True("the payload", strings.Contains(result.Payload, `"errorType":"Runtime.ExitError"`) ||
			strings.Contains(result.Payload, `"errorType":"Function.AppBadResponse"`), result.Payload)
		r.restarted("")
	}},
	{"life/files-in-tmp", "What is in /tmp when the app has ended and was started again", Open, 0, func(r *Run) {
		name := "verify-kept-" + r.unique()
		r.Get("/", order("keep", name, "exit", "3"))
		r.Note("kept", strings.Contains(r.restarted(order("tell", "files")).Process.Files["kept"], name))
	}},
}

// restarted is the report of the app that takes the place of one that ended. Whether the end is noticed before the next
// request comes is left to chance, and so the first requests may fail.
func (r *Run) restarted(order string) Seen {
	r.Unordered()
	for range 5 {
		if answer := r.Get("/", order); answer.Status == http.StatusOK {
			return r.Report(answer)
		}
	}
	r.Fail("five requests later there is no app")
	return Seen{}
}

// warm makes sure that no environment has to start.
func (r *Run) warm() { r.Seen("/", "") }

// parallel sends requests at once; the answers are in no order.
func (r *Run) parallel(n int, order string) []*wire.Answer {
	q := r.full(tell(wire.Request{Method: "GET", Target: "/"}, order))
	if r.Signs {
		q = r.Signed(q, Signature{})
	}
	all := make([]*wire.Answer, n)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i] = wire.Do(r.URL, q, patience) })
	}
	wait.Wait()
	for _, answer := range all {
		r.take(q, answer)
	}
	return all
}

// change deploys another version while clients call, and judges that each of them is answered.
func (r *Run) change(version string) {
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	q := r.full(wire.Request{Method: "GET", Target: "/"})
	var wait sync.WaitGroup
	var mu sync.Mutex
	lost, served, seen := []string(nil), map[string]int{}, make(chan struct{})
	for range 3 {
		wait.Go(func() {
			for ctx.Err() == nil {
				answer := wire.Do(r.URL, q, patience)
				var s Seen
				mu.Lock()
				if json.Unmarshal(answer.Body, &s); answer.Status != http.StatusOK {
					lost = append(lost, fmt.Sprintf("%s %s %s", line(answer.Status), short(string(answer.Body)),
						answer.Fault))
				}
				if served[s.Process.Version]++; s.Process.Version == version && served[version] == 20 {
					close(seen)
				}
				mu.Unlock()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	if err := r.Change(ctx, version); err != nil {
		r.Fail("deploy another version: %v", err)
	} else {
		select {
		case <-seen:
		case <-time.After(patience):
			r.Fail("no answer of the new version within %s", patience)
		}
	}
	stop()
	wait.Wait()
	r.True("lost requests", len(lost) == 0, lost[:min(len(lost), 5)])
	r.Note("versions that answered", strings.Join(slices.Sorted(maps.Keys(served)), " "))
}
