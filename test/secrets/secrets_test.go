// Package secrets drives the built program that gives an app its secrets, against Secrets Manager and Parameter Store
// as a server on this machine.
package secrets

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var program string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "secrets")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "secrets")
	if output, err := exec.Command("go", "build", "-o", program, "lambda-web/secrets").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		os.Exit(1)
	}
	readSources("../../secrets", "../../secrets/reference")
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// readSources opens the program's files, so that a result is not taken from the cache when they have changed.
func readSources(folders ...string) {
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				panic(err)
			}
		}
	}
}

// stores answer as both services do. What is not in values is not there; an id in turns is turned away that often
// first.
type stores struct {
	mu     sync.Mutex
	values map[string]string
	turns  map[string]int
	calls  []string
	token  string // of the credentials that are taken
}

func (s *stores) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(status int, kind, message string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws#" + kind, "message": message})
	}
	if r.URL.Path == "/credentials" {
		if r.Header.Get("Authorization") != "token of the container" {
			refuse(http.StatusForbidden, "no", "no")
			return
		}
		fmt.Fprint(w, `{"AccessKeyId":"AKIDSNAP","SecretAccessKey":"secret","Token":"snap"}`)
		return
	}
	var input struct {
		SecretId, Name string
		WithDecryption bool
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		refuse(http.StatusBadRequest, "SerializationException", err.Error())
		return
	}
	service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	service = map[string]string{"secretsmanager": "secretsmanager", "AmazonSSM": "ssm"}[service]
	id := input.SecretId + input.Name
	region := "eu-central-1"
	if strings.HasPrefix(id, "arn:") {
		region = strings.Split(id, ":")[3]
	}
	s.calls = append(s.calls, service+" "+id)
	authorization := r.Header.Get("Authorization")
	if !strings.Contains(authorization, "/"+region+"/"+service+"/aws4_request") || !strings.Contains(authorization,
		"x-amz-target") ||
		r.Header.Get("X-Amz-Security-Token") != s.token {
		refuse(http.StatusForbidden, "UnrecognizedClientException", "the signature is not one for "+service+" in "+
			region+": "+authorization)
		return
	}
	if s.turns[id] > 0 {
		s.turns[id]--
		refuse(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		return
	}
	value, ok := s.values[id]
	switch {
	case !ok:
		refuse(http.StatusBadRequest, "AccessDeniedException", "not authorized to perform the call on "+id)
	case service == "ssm" && !input.WithDecryption:
		refuse(http.StatusBadRequest, "ValidationException", "encrypted")
	case service == "ssm":
		json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]string{"Value": value}})
	case strings.HasPrefix(value, "binary "):
		json.NewEncoder(w).Encode(map[string]any{"SecretBinary": []byte(value)})
	default:
		json.NewEncoder(w).Encode(map[string]any{"SecretString": value})
	}
}

const elsewhere = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/mail-AbC123"

func newStores(t *testing.T) (*stores, []string) {
	s := &stores{token: "session", turns: map[string]int{}, values: map[string]string{
		"shop/db": `{"user":"shop","password":"correct horse"}`, "/shop/key": "line 1\nline 2", elsewhere: "mail",
		"shop/binary": "binary \xff",
	}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, []string{"PATH=" + os.Getenv("PATH"), "AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL=" + server.URL,
		"OTHER=stays",
		"AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=session"}
}

// start runs an app behind the program; the app prints the variable that is asked for.
func start(environment []string, references string, command ...string) (string, error) {
	c := exec.Command(program, command...)
	c.Env = append(environment, "LAMBDA_WEB_SECRETS="+references)
	output, err := c.CombinedOutput()
	return string(output), err
}

func TestValues(t *testing.T) {
	s, environment := newStores(t)
	s.mu.Lock()
	s.turns["/shop/key"] = 2
	s.mu.Unlock()
	references := `{"DB":"shop/db","DB_USER":"shop/db#user","DB_PASSWORD":"shop/db#password","KEY":"/shop/key","MAIL":"` + elsewhere + `","BINARY":"shop/binary","OTHER_TOO":"shop/db#user"}`
	output, err := start(environment, references, "env", "-0")
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimSuffix(output, "\x00"), "\x00") {
		name, value, _ := strings.Cut(pair, "=")
		got[name] = value
	}
	for name, want := range map[string]string{
		"DB": `{"user":"shop","password":"correct horse"}`, "DB_USER": "shop", "DB_PASSWORD": "correct horse",
		"KEY":  "line 1\nline 2",
		"MAIL": "mail", "BINARY": "YmluYXJ5IP8=", "OTHER": "stays",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if references, ok := got["LAMBDA_WEB_SECRETS"]; ok {
		t.Errorf("the app sees the references %s", references)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked := strings.Count(strings.Join(s.calls, "\n"), "shop/db"); asked != 1 {
		t.Errorf("one secret was asked for %d times: %v", asked, s.calls)
	}
}

// TestBecomesTheApp: the process is the app's, with its arguments, its exit code and its signals.
func TestBecomesTheApp(t *testing.T) {
	_, environment := newStores(t)
	c := exec.Command(program, "sh", "-c", `echo "$$ $DB_USER $0 $1"; exit 7`, "zero", "one two")
	c.Env = append(environment, `LAMBDA_WEB_SECRETS={"DB_USER":"shop/db#user"}`)
	output, err := c.Output()
	if want := fmt.Sprintf("%d shop zero one two\n", c.Process.Pid); string(output) != want ||
		c.ProcessState.ExitCode() != 7 {
		t.Errorf("%q and exit code %d (%v), want %q and 7", output, c.ProcessState.ExitCode(), err, want)
	}
	// Without references nobody is asked.
	if output, err := start([]string{"PATH=" + os.Getenv("PATH")}, "", "echo", "hello"); err != nil ||
		output != "hello\n" {
		t.Errorf("%q, %v", output, err)
	}
}

// TestSnapshots: a function that is made from a snapshot is given its credentials at an address.
func TestSnapshots(t *testing.T) {
	s, environment := newStores(t)
	s.mu.Lock()
	s.token = "snap"
	s.mu.Unlock()
	var address string
	var without []string
	for _, pair := range environment {
		if a, ok := strings.CutPrefix(pair, "AWS_ENDPOINT_URL="); ok {
			address = a
		}
		if !strings.HasPrefix(pair, "AWS_ACCESS") && !strings.HasPrefix(pair, "AWS_SE") {
			without = append(without, pair)
		}
	}
	without = append(without, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+address+"/credentials",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=token of the container")
	if output, err := start(without, `{"KEY":"/shop/key"}`, "printenv", "KEY"); err != nil ||
		output != "line 1\nline 2\n" {
		t.Errorf("%q, %v", output, err)
	}
}

// TestFailures: the app is not started, every mistake is a sentence, no value is shown, and it ends in time.
func TestFailures(t *testing.T) {
	_, environment := newStores(t)
	nobody := httptest.NewServer(nil)
	nobody.Close()
	for _, c := range []struct {
		name, references string
		environment      []string
		command          []string
		want             []string
	}{
		{"not allowed", `{"A":"shop/none","B":"/none"}`, environment, []string{"echo", "started"},
			[]string{"A: shop/none cannot be read: 400 Bad Request AccessDeniedException", "B: /none cannot be read",
				"secretsKmsKeyArn"}},
		{"no such key", `{"A":"shop/db#host"}`, environment, []string{"echo", "started"},
			[]string{`A: shop/db has no key "host"; it has password, user`}},
		{"no reference", `{"A":"a b"}`, environment, []string{"echo", "started"},
			[]string{`A: "a b" is not the name of a secret`}},
		{"not JSON", `A=shop/db`, environment, []string{"echo", "started"},
			[]string{"LAMBDA_WEB_SECRETS is not an object"}},
		{"no credentials", `{"A":"shop/db"}`, []string{"PATH=/bin:/usr/bin", "AWS_REGION=eu-central-1"},
			[]string{"echo", "started"}, []string{"A: there are no AWS credentials"}},
		{"nobody answers", `{"A":"shop/db"}`, append(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+nobody.URL),
			[]string{"echo", "started"},
			[]string{"A: shop/db cannot be asked for"}},
		{"no program", ``, environment, []string{"no-such-program"}, []string{"no-such-program"}},
		{"no command", ``, environment, nil, []string{"there is no program to start"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			output, err := start(c.environment, c.references, c.command...)
			if err == nil || strings.Contains(output, "started") {
				t.Errorf("the app was started: %q, %v", output, err)
			}
			for _, want := range c.want {
				if !strings.Contains(output, want) {
					t.Errorf("%q is not in %q", want, output)
				}
			}
			if strings.Contains(output, "correct horse") {
				t.Errorf("a secret is shown: %s", output)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v, and Lambda waits ten seconds", took)
			}
		})
	}
}
