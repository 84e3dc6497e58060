package secrets

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-web/test/conformance"
	"lambda-web/test/lambda"
)

// TestTaskFunction: where an app has secrets, the program stands in front of the adapter in the function that runs
// commands too. A command has the values, and its event has none.
func TestTaskFunction(t *testing.T) {
	adapter := filepath.Join(t.TempDir(), "lambda-adapter")
	if err := conformance.BuildAdapter(adapter, false); err != nil {
		t.Fatal(err)
	}
	readSources("../../adapter", "../../adapter/internal/task")
	api := lambda.NewRuntimeAPI()
	if err := api.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	_, environment := newStores(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	runtime := exec.CommandContext(ctx, program, adapter, "task")
	runtime.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+api.Address(), "AWS_LWA_TASK=true",
		`LAMBDA_WEB_SECRETS={"DB_PASSWORD":"shop/db#password"}`)
	var said strings.Builder
	runtime.Stdout, runtime.Stderr = &said, &said
	if err := runtime.Start(); err != nil {
		t.Fatal(err)
	}
	invocation := lambda.NewInvocation("id1", []byte(`{"command":["printenv","DB_PASSWORD"]}`),
		time.Now().Add(time.Minute))
	api.Push(invocation)
	var result struct {
		ExitCode int
		Output   string
	}
	select {
	case answer := <-invocation.Answers:
		if err := json.Unmarshal(answer.Body, &result); err != nil || result.ExitCode != 0 ||
			result.Output != "correct horse\n" {
			t.Errorf("%s: %s (%v)", answer.Path(), answer.Body, err)
		}
	case <-ctx.Done():
		t.Error("no answer")
	}
	cancel()
	runtime.Wait()
	if t.Failed() {
		t.Log(said.String())
	}
}
