package webapp

import (
	"fmt"
	"slices"
	"strings"
)

// adapterPrefix is what the adapter's environment variables begin with (docs/adapter.md).
const adapterPrefix = "AWS_LWA_"

// adapterVariables are those the adapter reads; a test holds them against its source. Others of the
// prefix are typing mistakes, which the adapter would pass over without a word.
var adapterVariables = []string{
	"AWS_LWA_ASYNC_INIT", "AWS_LWA_AUTHORIZATION_SOURCE", "AWS_LWA_CONTEXT_HEADERS", "AWS_LWA_DEADLINE_MARGIN_MS",
	"AWS_LWA_ENABLE_COMPRESSION", "AWS_LWA_ERROR_STATUS_CODES", "AWS_LWA_EXTENSION_REGISTER_BASE_MS",
	"AWS_LWA_FORWARDED_PREFIX",
	frontVariable, "AWS_LWA_HOST", "AWS_LWA_INVOKE_MODE", "AWS_LWA_LAMBDA_RUNTIME_API_PROXY",
	"AWS_LWA_PASS_THROUGH_PATH",
	"AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS", "AWS_LWA_PORT", "AWS_LWA_PORT_DISCOVERY",
	"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS",
	"AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS", "AWS_LWA_READINESS_CHECK_PATH", "AWS_LWA_READINESS_CHECK_PORT",
	"AWS_LWA_READINESS_CHECK_PROTOCOL", "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS", "AWS_LWA_REMOVE_BASE_PATH",
	"AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH", "AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH", "AWS_LWA_SNAPSTART_PRIME",
	"AWS_LWA_TASK",
	"AWS_LWA_WRITABLE",
}

// misspelt says what is wrong with a variable that only looks like one of the adapter's, or nothing.
func misspelt(name string) string {
	if !strings.HasPrefix(strings.ToUpper(name), adapterPrefix) || slices.Contains(adapterVariables, name) {
		return ""
	}
	best, distance := "docs/adapter.md lists those there are", len(name)/2
	for _, known := range adapterVariables {
		if d := edits(strings.ToUpper(name), known); d < distance {
			best, distance = "did you mean "+known+"?", d
		}
	}
	return fmt.Sprintf("%s is not a variable of the adapter; %s", name, best)
}
