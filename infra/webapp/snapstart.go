package webapp

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// With SnapStart, Lambda starts each published version once, takes a snapshot of it and restores that for each new
// environment (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html). Alias, permission and API are what they
// are without it.

// snapshotTimeout is how long the provider waits for a version: the app's init may take 15 minutes, and then there is
// the snapshot. The provider's own limit is 10 minutes.
const snapshotTimeout = "20m"

// snapshotStorage is the only size of /tmp that Lambda takes snapshots with.
const snapshotStorage = 512

// withoutSnapStart are regions that do not have it
// (https://aws.amazon.com/about-aws/whats-new/2026/07/aws-lambda-snapstart-container/).
var withoutSnapStart = []string{"ap-southeast-6", "ap-east-2"}

// snapshotPatience gives the function the time that a snapshot takes.
func (a Args) snapshotPatience() pulumi.ResourceOption {
	return when(a.SnapStart, pulumi.Timeouts(&pulumi.CustomTimeouts{Create: snapshotTimeout,
		Update: snapshotTimeout}))
}

// snapStartVariables are the adapter's: https://aws.github.io/aws-lambda-web-adapter/features/snapstart.html
func (a Args) snapStartVariables(variables map[string]variable) {
	for name, v := range map[string]variable{
		"AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH": {"snapStartBefore", a.SnapStartBefore},
		"AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH":     {"snapStartAfter", a.SnapStartAfter},
		"AWS_LWA_SNAPSTART_PRIME":                  {"snapStartPrime", strings.Join(a.SnapStartPrime, ",")},
	} {
		if v.value != "" {
			variables[name] = v
		}
	}
}

// checkSnapStart: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-supported-versions
func checkSnapStart(args Args, found *mistakes) {
	checkSnapStartPaths(args, found)
	if !args.SnapStart {
		return
	}
	if args.ProvisionedConcurrency > 0 {
		found.add("snapStart",
			"SnapStart and provisioned concurrency exclude each other; set snapStart to false or "+
				"provisionedConcurrency to 0")
	}
	if args.EphemeralStorage != snapshotStorage {
		found.add("ephemeralStorage", "%d does not go with snapStart; Lambda takes snapshots with %d only",
			args.EphemeralStorage, snapshotStorage)
	}
	if args.AsyncInit {
		found.add("asyncInit",
			"true does not go with snapStart; an app may take as long as it needs to start before its "+
				"snapshot, so leave it out")
	}
}

func checkSnapStartPaths(args Args, found *mistakes) {
	for _, hook := range []struct{ key, path string }{{"snapStartBefore", args.SnapStartBefore},
		{"snapStartAfter", args.SnapStartAfter}} {
		switch {
		case hook.path == "":
		case !args.SnapStart:
			found.add(hook.key, "%q has no effect without snapStart; set snapStart to true, or leave it out",
				hook.path)
		case !isHookPath(hook.path):
			found.add(hook.key, "%q cannot be kept from callers; use a path of its own such as /internal/restored, "+
				"without a query and without the characters %% ; and \\", hook.path)
		case path.Clean(hook.path) == path.Clean(args.ReadinessPath):
			found.add(hook.key, "%q is readinessPath too, which callers may reach; use a path of its own", hook.path)
		}
	}
	for _, prime := range args.SnapStartPrime {
		switch parsed, err := url.ParseRequestURI(prime); {
		case !args.SnapStart:
			found.add("snapStartPrime",
				"%q has no effect without snapStart; set snapStart to true, or leave it out", prime)
		case err != nil || !strings.HasPrefix(prime, "/") || strings.ContainsAny(prime, ", #") || parsed.Path == "":
			found.add("snapStartPrime",
				"%q is not allowed; use a path of the app that starts with /, without commas and spaces", prime)
		}
	}
}

// isHookPath tells whether a path means one thing to every server, so that the adapter can refuse it to callers.
func isHookPath(hook string) bool {
	return strings.HasPrefix(hook, "/") && path.Clean(hook) == hook && hook != "/" && !strings.ContainsAny(hook,
		"%;?#\\ \t\r\n")
}

func checkSnapStartRegion(s Settings, found *mistakes) {
	if s.SnapStart && slices.Contains(withoutSnapStart, s.Region) {
		found.add("snapStart", "Lambda has no SnapStart in %s; set it to false, or use another region", s.Region)
	}
}
