package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const askForRestore = "call GET /2018-06-01/runtime/restore/next"

// snapStart makes a function whose runtime plays the steps after its restore.
func snapStart(t *testing.T, adjust func(*Config), steps ...string) *fixture {
	t.Helper()
	return newFixture(t, func(c *Config) {
		c.SnapStart = true
		c.Limits.Init = time.Nanosecond // the limit of inits on demand is not that of a snapshot
		if adjust != nil {
			adjust(c)
		}
	}, extensionScripts{"lambda-adapter": "register;events"}, steps...)
}

// TestSnapStart: one init when the version is published; the runtime waits in restore/next; each sandbox is restored
// before its first invocation, which is told of no init.
func TestSnapStart(t *testing.T) {
	f := snapStart(t, nil, "env AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME",
		askForRestore, "gate restored", "serve")
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := f.start(t, `{"n":1}`)
	close(f.gates.arrived(t, "restored"))
	expect(t, receive(t, first), `{"n":1}`, "")
	f.log.await(t, `REPORT .* MB\tRestore Duration: \d+\.\d\d ms\tBilled Restore Duration: \d+ ms$`)
	f.invoke(t, `{"n":2}`)
	f.log.await(t, `REPORT .* MB$`)
	f.log.inOrder(t, `env AWS_LAMBDA_INITIALIZATION_TYPE=snap-start`,
		`INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init$`, `SnapStart here is its protocol`,
		`RESTORE_START `, `restore/next -> 200 $`, `RESTORE_REPORT Restore Duration: \d+\.\d\d ms$`, `START RequestId`)
	for _, unwanted := range []string{"AWS_LAMBDA_LOG_", "\tInit Duration", "feature.snapstart"} {
		if strings.Contains(f.log.String(), unwanted) {
			t.Errorf("the log has %q:\n%s", unwanted, f.log)
		}
	}
	f.eventually(t, "a spare one", func(s Stats) bool { return s.Sandboxes == 2 && s.Idle == 2 })
}

// TestSnapStartOnlyWhereItIs: functions without it have no such calls.
func TestSnapStartOnlyWhereItIs(t *testing.T) {
	f := newFixture(t, nil, nil, askForRestore, "call POST /2018-06-01/runtime/restore/error", "call GET "+
		credentialsPath, "serve")
	f.invoke(t, `{}`)
	f.log.inOrder(t, `restore/next -> 404`, `restore/error -> 404`, `credentials -> 404`)
}

func TestRestoreCallsInTheWrongState(t *testing.T) {
	f := snapStart(t, nil, "call POST /2018-06-01/runtime/restore/error", askForRestore, askForRestore, "serve")
	f.invoke(t, `{}`)
	f.log.inOrder(t, `restore/error -> 403 .*InvalidStateTransition`, `restore/next -> 200`,
		`restore/next -> 403 .*InvalidStateTransition`)
}

// TestRestoreThatFails: a hook that fails, one that takes too long, a process that ends. The caller is told which;
// the next invocation has another sandbox.
func TestRestoreThatFails(t *testing.T) {
	const hook = `call POST /2018-06-01/runtime/restore/error Lambda-Runtime-Function-Error-Type:Runtime.AfterRestoreError {"errorMessage":"no_database"}`
	for rule, test := range map[string]struct {
		step   string
		want   error
		says   string
		report string
	}{
		"the hook fails": {hook, ErrSnapStart, "Runtime.AfterRestoreError: no_database",
			`\tStatus: error\tError Type: Runtime.AfterRestoreError$`},
		"the process ends": {"exit 3", ErrSnapStart, "exit status 3",
			`\tStatus: error\tError Type: Runtime.ExitError$`},
		"it takes too long": {"gate hangs", ErrSnapStartTimeout, "longer than", `\tStatus: timeout$`},
		"a type of its own": {strings.Replace(hook, "Runtime.AfterRestoreError", "mine", 1), ErrSnapStart,
			"Runtime.Unknown", `\tStatus: error\tError Type: Runtime.Unknown$`},
		"without any message": {"call POST /2018-06-01/runtime/restore/error " +
			"Lambda-Runtime-Function-Error-Type:Function.Hook", ErrSnapStart, "Function.Hook", `Error Type: Function.Hook$`},
	} {
		t.Run(rule, func(t *testing.T) {
			marker := t.TempDir() + "/once"
			f := snapStart(t, func(c *Config) { c.Limits.Restore = 2 * time.Second }, askForRestore, "nth 1 "+marker+
				" "+test.step, "serve")
			if err := f.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := f.Invoke(context.Background(), Invocation{Event: []byte(`{}`)})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Invoke gave %v, want %v with %q", err, test.want, test.says)
			}
			f.log.await(t, `RESTORE_REPORT Restore Duration: \d+\.\d\d ms.*`+test.report)
			expect(t, f.invoke(t, `{"n":2}`), `{"n":2}`, "")
		})
	}
}

// TestSnapshotThatFails: the version is not published, with the reason of the hook or of the init.
func TestSnapshotThatFails(t *testing.T) {
	f := snapStart(t, nil,
		`call POST /2018-06-01/runtime/init/error Lambda-Runtime-Function-Error-Type:Runtime.BeforeSnapshotError {"errorMessage":"no"}`, "exit 1")
	if err := f.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "Runtime.BeforeSnapshotError") {
		t.Errorf("Start gave %v", err)
	}
	slow := snapStart(t, func(c *Config) { c.Limits.ProvisionedInit = 100 * time.Millisecond }, "gate slow",
		askForRestore)
	if err := slow.Start(t.Context()); err == nil || !strings.Contains(err.Error(), timedOut) {
		t.Errorf("Start gave %v", err)
	}
}

// TestRuntimeThatAsksForNoRestore works here; the label that its image needs on AWS is named.
func TestRuntimeThatAsksForNoRestore(t *testing.T) {
	f := snapStart(t, nil, "serve")
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, f.invoke(t, `{"n":1}`), `{"n":1}`, "")
	f.log.await(t, `LABEL com\.amazonaws\.lambda\.feature\.snapstart="Allow"`)
	if strings.Contains(f.log.String(), "RESTORE_") {
		t.Errorf("there is a restore:\n%s", f.log)
	}
}

// TestSnapStartCredentials: they are in no environment, which would be part of the snapshot; who has the token gets
// them.
func TestSnapStartCredentials(t *testing.T) {
	f := snapStart(t, func(c *Config) {
		c.Env["AWS_ACCESS_KEY_ID"], c.Env["AWS_SECRET_ACCESS_KEY"], c.Env["AWS_SESSION_TOKEN"] = "AKIDLOCAL",
			"secret", "session"
	}, "env", askForRestore, "serve")
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	uri := f.log.await(t, `actor: env AWS_CONTAINER_CREDENTIALS_FULL_URI=(\S+)$`)[1]
	token := f.log.await(t, `actor: env AWS_CONTAINER_AUTHORIZATION_TOKEN=(\S+)$`)[1]
	if strings.Contains(f.log.String(), "AKIDLOCAL") || strings.Contains(f.log.String(), "AWS_SECRET_ACCESS_KEY") {
		t.Errorf("credentials are in the environment:\n%s", f.log)
	}
	for authorization, status := range map[string]int{token: 200, "Bearer " + token: 404, "": 404} {
		request, _ := http.NewRequest("GET", uri, nil)
		request.Header.Set("Authorization", authorization)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		var got struct{ AccessKeyId, SecretAccessKey, Token, Expiration string }
		if response.StatusCode != status {
			t.Errorf("with %q: status %d, want %d", authorization, response.StatusCode, status)
		}
		if json.Unmarshal(body, &got); status == 200 && (got.AccessKeyId != "AKIDLOCAL" ||
			got.SecretAccessKey != "secret" || got.Token != "session" || got.Expiration == "") {
			t.Errorf("credentials %+v", got)
		}
	}
}
