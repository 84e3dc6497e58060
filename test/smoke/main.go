// Command smoke starts the local cloud on a free port, calls the sample app's routes through it, stops
// it, and fails when anything differs from what the sample app promises.
//
//	smoke COMMAND [ARGUMENT...]
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"time"

	"lambda-web/test/launch"
)

// route is one call and its answer. Bodies are compared as JSON; an empty want accepts any JSON object.
type route struct {
	method, path, body string
	status             int
	want               string
}

var routes = []route{
	{"GET", "", "", 200, `{"status":"healthy"}`},
	{"GET", "/", "", 200, `{"status":"healthy"}`},
	{"GET", "/api/hello", "", 200, `{"message":"Hello, World!"}`},
	{"GET", "/api/hello?name=Ada", "", 200, `{"message":"Hello, Ada!"}`},
	{"GET", "/api/hello?name=Zo%C3%AB+%26+co", "", 200, `{"message":"Hello, Zoë & co!"}`},
	{"POST", "/api/echo", `{"a":[1,2.5,null],"б":"🙂"}`, 200, `{"received":{"a":[1,2.5,null],"б":"🙂"}}`},
	{"POST", "/api/echo", `{not json`, 400, ``},
	{"GET", "/nowhere", "", 404, ``},
}

const patience = 3 * time.Minute // the first start installs the app's packages

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: smoke COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func run(command []string) error {
	started := time.Now()
	c, err := launch.Start(exec.Command(command[0], command[1:]...), patience, nil)
	if err != nil {
		return err
	}
	fmt.Printf("%s is up after %s\n\n", c.URL, time.Since(started).Round(10*time.Millisecond))
	failures := 0
	for _, r := range routes {
		took, err := r.call(c.URL)
		verdict := "ok"
		if err != nil {
			failures++
			verdict = "FAILED: " + err.Error()
		}
		fmt.Printf("  %-4s  %-34s %4d  %7.1f ms  %s\n", r.method, "/v1"+r.path, r.status,
			float64(took.Microseconds())/1000, verdict)
	}
	fmt.Println()
	if err := c.Stop(); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d of %d answers differ; the log was:\n%s", failures, len(routes), c.Log())
	}
	fmt.Printf("All %d answers are right, and it stopped cleanly.\n", len(routes))
	return nil
}

func (r route) call(base string) (time.Duration, error) {
	request, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	started := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	took := time.Since(started)
	if err != nil {
		return took, err
	}
	if response.StatusCode != r.status {
		return took, fmt.Errorf("status %d: %s", response.StatusCode, bytes.TrimSpace(body))
	}
	var got, want any
	if err := json.Unmarshal(body, &got); err != nil {
		return took, fmt.Errorf("the body is not JSON: %q", body)
	}
	if r.want == "" {
		return took, nil
	}
	if err := json.Unmarshal([]byte(r.want), &want); err != nil {
		return took, err
	}
	if !reflect.DeepEqual(got, want) {
		return took, fmt.Errorf("body %s, want %s", bytes.TrimSpace(body), r.want)
	}
	return took, nil
}
