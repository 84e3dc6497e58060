// Command event sends an event file to a function of the running local cloud and prints its result, whatever the
// event is: of a queue, a schedule, S3, or one that the console copied.
//
//	event [-address 127.0.0.1:3000] [-function NAME] FILE
//	event [-address 127.0.0.1:3000] [-function NAME] -schedule NAME
//
// "make event FILE=event.json" runs it; FILE may be - for stdin. The result goes to stdout, the end of the log to
// stderr. The exit code is 0 for a result, 1 for an error of the function, 2 where no function was called.
package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

const (
	exitResult   = 0
	exitFunction = 1 // the function failed
	exitNone     = 2 // no function was called
)

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("event", flag.ContinueOnError)
	flags.SetOutput(stderr)
	address := flags.String("address", "127.0.0.1:3000", "where the local cloud listens")
	schedule := flags.String("schedule", "", "name of a schedule, in the place of a file")
	function := flags.String("function", "", "name of the function (default: the only one)")
	if err := flags.Parse(args); err != nil {
		return exitNone
	}
	event, err := read(flags.Args(), *schedule, stdin)
	if err != nil {
		fmt.Fprintln(stderr, "event:", err)
		return exitNone
	}
	failed, err := send(*address, *function, event, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "event:", err)
		return exitNone
	case failed:
		return exitFunction
	}
	return exitResult
}

func read(args []string, schedule string, stdin io.Reader) ([]byte, error) {
	named := len(args) == 1 && args[0] != ""
	switch {
	case schedule != "" && !named:
		return json.Marshal(map[string]any{"lambda-web-schedule": map[string]string{"name": schedule}})
	case !named || schedule != "":
		return nil, errors.New("name one file with the event, or a schedule, for example: make event " +
			"FILE=event.json, make event SCHEDULE=nightly")
	}
	if args[0] == "-" {
		return io.ReadAll(stdin)
	}
	event, err := os.ReadFile(args[0])
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	return event, nil
}

// send calls Lambda's Invoke API beside the console.
func send(address, function string, event []byte, stdout, stderr io.Writer) (failed bool, err error) {
	to := "http://" + address + "/@/2015-03-31/functions/" + url.PathEscape(cmp.Or(function, "-")) + "/invocations"
	request, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(event))
	if err != nil {
		return false, fmt.Errorf("the address %q: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Amz-Log-Type", "Tail")
	// A proxy has no business between this machine and itself.
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		return false, fmt.Errorf("nothing answers there (%w); start the local cloud with: make local", err)
	}
	defer answer.Body.Close()
	payload, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, fmt.Errorf("the answer broke off: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return false, errors.New(refusal(answer, payload))
	}
	if log, err := base64.StdEncoding.DecodeString(answer.Header.Get("X-Amz-Log-Result")); err == nil {
		stderr.Write(log)
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, payload, "", "  ") != nil {
		pretty.Write(payload)
	}
	pretty.WriteByte('\n')
	stdout.Write(pretty.Bytes())
	kind := answer.Header.Get("X-Amz-Function-Error")
	if kind != "" {
		fmt.Fprintf(stderr, "event: the function failed (%s)\n", kind)
	}
	return kind != "", nil
}

// refusal says why Lambda, or something else on that port, did not call the function.
func refusal(answer *http.Response, payload []byte) string {
	var said struct{ Message string }
	if json.Unmarshal(payload, &said) == nil && answer.Header.Get("X-Amzn-Errortype") != "" {
		if answer.StatusCode == http.StatusForbidden {
			return "the console is off (CONSOLE=off), and it takes the events"
		}
		return answer.Header.Get("X-Amzn-Errortype") + ": " + said.Message
	}
	return fmt.Sprintf("status %d: %s", answer.StatusCode, bytes.TrimSpace(payload[:min(len(payload), 300)]))
}
