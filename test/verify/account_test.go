package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/test/launch"
	"lambda-web/test/verify/evidence"
)

// The flow through an account, with a local cloud for the account and this very program for the Pulumi CLI.

const standInVariable = "VERIFY_STANDIN"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pulumi" {
		os.Exit(standInForPulumi())
	}
	if err := os.Chdir("../.."); err != nil { // the project's folder, where make runs
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// standInForPulumi hands the command on to the test.
func standInForPulumi() int {
	arguments, _ := json.Marshal(os.Args[1:])
	answer, err := http.Post(os.Getenv(standInVariable), "application/json", bytes.NewReader(arguments))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 255
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		io.Copy(os.Stderr, answer.Body)
		return 255
	}
	io.Copy(os.Stdout, answer.Body)
	return 0
}

// cloudAccount is an account in which one stack is deployed at a time.
type cloudAccount struct {
	t      *testing.T
	bin    string
	state  string            // what "stack export" says
	fails  map[string]string // command to what it says
	during func(command string)

	mu       sync.Mutex
	commands []string
	cloud    *launch.Cloud
	settings string // that the cloud runs with
}

const emptyState = `{"version": 3, "deployment": {"resources": [
  {"type": "pulumi:pulumi:Stack"}, {"type": "pulumi:providers:aws"}]}}`

// openTestAccount puts the stand-in on the PATH and leads the AWS SDK to the local cloud.
func openTestAccount(t *testing.T) (*cloudAccount, options, *bytes.Buffer) {
	t.Helper()
	bin, err := filepath.Abs(".lambda-web/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"local", "infra", "lambda-adapter"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			t.Skipf("%s is not built (make build)", program)
		}
	}
	a := &cloudAccount{t: t, bin: bin, state: emptyState, fails: map[string]string{}}
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.Close()
		a.stop()
	})
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, "pulumi")); err != nil {
		t.Fatal(err)
	}
	const settings = "encryptionsalt: v1:kept\nconfig:\n  aws:region: eu-central-1\n  lambda-web:memory: 1024\n"
	if err := os.WriteFile(filepath.Join(folder, "Pulumi.scratch.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PATH": folder + string(os.PathListSeparator) + os.Getenv("PATH"), standInVariable: server.URL + "/pulumi",
		"AWS_ENDPOINT_URL_LAMBDA": server.URL + "/lambda", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": server.URL + "/logs",
		"AWS_ACCESS_KEY_ID":     "LOCALCLOUDACCESSKEY1",
		"AWS_SECRET_ACCESS_KEY": "local-cloud-secret-access-key-1234567890",
		"AWS_SESSION_TOKEN":     "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	// The app's folder has to be in the project's.
	out, err := os.MkdirTemp(filepath.Dir(bin), "verify-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(out) })
	o, err := readOptions([]string{"-stack", "scratch", "-yes", "-bin", bin, "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	o.stacks, o.say, o.ask = folder, &said, strings.NewReader("n\n")
	return a, o, &said
}

func (a *cloudAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch part := strings.Split(r.URL.Path, "/")[1]; {
	case part == "pulumi":
		var arguments []string
		json.NewDecoder(r.Body).Decode(&arguments) // what is none is an unknown command
		if err := a.pulumi(w, arguments); err != nil {
			http.Error(w, "error: "+err.Error(), http.StatusInternalServerError)
		}
	case part == "logs":
		a.logs(w, r)
	case strings.HasSuffix(r.URL.Path, "/account-settings"):
		fmt.Fprint(w, `{"AccountLimit": {"ConcurrentExecutions": 10}}`)
	default:
		a.mu.Lock()
		u, err := url.Parse(a.cloud.URL)
		a.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = u.Scheme, u.Host, u.Host
			p.Out.URL.Path = "/@" + strings.TrimPrefix(p.In.URL.Path, "/lambda")
		}}
		proxy.ServeHTTP(w, r)
	}
}

// pulumi carries a command out.
func (a *cloudAccount) pulumi(w io.Writer, arguments []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	command := arguments[0]
	if command == "stack" {
		command += " " + arguments[1]
	}
	a.commands = append(a.commands, command)
	if a.during != nil {
		a.during(command)
	}
	if text := a.fails[command]; text != "" {
		return fmt.Errorf("%s", text)
	}
	if !slices.Contains(arguments, "scratch") || !slices.Contains(arguments, "--non-interactive") {
		return fmt.Errorf("pulumi %s", arguments)
	}
	switch command {
	case "stack export":
		fmt.Fprint(w, a.state)
		return nil
	case "stack output":
		printed := a.cloud.Log()
		return json.NewEncoder(w).Encode(map[string]string{"url": a.cloud.URL, "apiId": output(printed, "apiId"),
			"functionName": output(printed, "functionName"), "aliasArn": output(printed, "aliasArn"),
			"logGroup": output(printed, "logGroup")})
	case "up":
		return a.up(arguments[slices.Index(arguments, "--config-file")+1])
	case "destroy":
		a.end()
		return nil
	}
	return fmt.Errorf("unknown command %q", command)
}

// up starts a cloud for new settings; the one that runs with these very ones notices what else is new.
func (a *cloudAccount) up(file string) error {
	settings, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if a.cloud != nil && string(settings) == a.settings {
		_, err := a.cloud.Await(0, 2*time.Minute, "after the change")
		return err
	}
	a.end()
	a.settings = string(settings)
	a.cloud, err = launch.Start(exec.Command(filepath.Join(a.bin, "local"), "-bin", a.bin, "-mode", "process", "-port",
		"0", "-log", "cloudwatch", "-stack", "scratch", "-config-file", file), 2*time.Minute, nil)
	return err
}

func (a *cloudAccount) end() {
	if a.cloud != nil {
		if err := a.cloud.Stop(); err != nil {
			a.t.Error(err)
		}
		a.cloud = nil
	}
}

func (a *cloudAccount) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cloud != nil {
		a.t.Error("the stack was not destroyed")
	}
	a.end()
}

// logs is CloudWatch's FilterLogEvents.
func (a *cloudAccount) logs(w http.ResponseWriter, r *http.Request) {
	var asked struct{ FilterPattern string }
	json.NewDecoder(r.Body).Decode(&asked)
	a.mu.Lock()
	defer a.mu.Unlock()
	events := []map[string]string{}
	for line := range strings.Lines(a.cloud.Log()) {
		if strings.Contains(line, strings.Trim(asked.FilterPattern, `"`)) {
			events = append(events, map[string]string{"message": line})
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"events": events})
}

func (a *cloudAccount) ran() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.commands, ", ")
}

// The whole way: three deployments and a new version, the comparison, the end.
func TestAccount(t *testing.T) {
	a, o, said := openTestAccount(t)
	o = withOnly(t, o, `^(paths/greedy|direct/log|life/change|life/sigterm|streaming/whole|signatures/good)$`)
	if err := o.verifyAccount(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if ran := a.ran(); ran != "stack export, up, stack output, up, up, stack output, up, stack output, destroy" {
		t.Errorf("the commands are %s", ran)
	}
	for _, text := range []string{"in all, about", "AWS: 6 checks", "6 passed, 0 failed, 0 skipped",
		"No differences"} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("it does not say %q:\n%s", text, said)
		}
	}
	settings, err := os.ReadFile(filepath.Join(o.out, "aws", "settings.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(settings), "encryptionsalt: v1:kept") || strings.Contains(string(settings), "1024") {
		t.Errorf("the stack's own settings are not taken over as they should be:\n%s", settings)
	}
	records, err := evidence.Read(filepath.Join(o.out, "AWS.jsonl"))
	if err != nil || len(records) != 6 || records[0].Where != "AWS" || records[0].Region != "eu-central-1" {
		t.Errorf("the evidence has %d records, %+v, %v", len(records), records, err)
	}
}

// Whatever goes wrong, what was made is taken away, and what was there is not touched.
func TestAccountTrouble(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*cloudAccount, *options, context.CancelFunc)
		says   string // the error
		ran    string
	}{
		{"a deployment fails", func(a *cloudAccount, _ *options, _ context.CancelFunc) {
			a.fails["up"] = "AccessDenied"
		}, "pulumi up", "stack export, up, destroy"},
		{"the stack has no outputs", func(a *cloudAccount, _ *options, _ context.CancelFunc) {
			a.fails["stack output"] = "none"
		}, "pulumi stack output", "stack export, up, stack output, destroy"},
		{"Ctrl-C while it deploys", func(a *cloudAccount, _ *options, cancel context.CancelFunc) {
			a.during = func(command string) {
				if command == "up" {
					cancel()
				}
			}
		}, "", "stack export, up, destroy"},
		{"the stack cannot be destroyed", func(a *cloudAccount, _ *options, _ context.CancelFunc) {
			a.fails["up"], a.fails["destroy"] = "AccessDenied", "AccessDenied"
		}, "pulumi destroy --stack scratch", "stack export, up, destroy"},
		{"the stack is in use", func(a *cloudAccount, _ *options, _ context.CancelFunc) {
			a.state = `{"deployment": {"resources": [{"type": "aws:lambda/function:Function"}]}}`
		}, "is in use (it has a aws:lambda/function:Function)", "stack export"},
		{"the state cannot be read", func(a *cloudAccount, _ *options, _ context.CancelFunc) {
			a.fails["stack export"] = "no such stack"
		}, "no such stack", "stack export"},
		{"whoever is asked says no", func(_ *cloudAccount, o *options, _ context.CancelFunc) { o.yes = false },
			"nothing was deployed", "stack export"},
		{"there is no such stack", func(_ *cloudAccount, o *options, _ context.CancelFunc) { o.stack = "none" },
			"pulumi stack init none", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, o, said := openTestAccount(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o = withOnly(t, o, `^paths/greedy$`)
			a.mu.Lock()
			test.change(a, &o, cancel)
			a.mu.Unlock()
			err := o.verifyAccount(ctx)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it ends with %v, want %q\n%s", err, test.says, said)
			}
			if ran := a.ran(); ran != test.ran {
				t.Errorf("the commands are %q, want %q", ran, test.ran)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.end() // what a failed destruction has left
		})
	}
}

func withOnly(t *testing.T, o options, pattern string) options {
	t.Helper()
	with, err := readOptions([]string{"-only", pattern})
	if err != nil {
		t.Fatal(err)
	}
	o.only = with.only
	return o
}
