package policy

import (
	"strings"
	"testing"
)

func TestHookMistake(t *testing.T) {
	taken := map[string]string{"AWS_LWA_READINESS_CHECK_PATH": "/healthz?deep=1",
		"AWS_LWA_PASS_THROUGH_PATH": "/events"}
	for path, want := range map[string]string{
		"/hooks/after":    "",
		"/h%C3%B6ok":      "",
		"/":               "root",
		"//":              "root",
		"/a/..":           "root",
		"/%2f":            "root",
		"/./%2e":          "root",
		"/healthz":        "AWS_LWA_READINESS_CHECK_PATH",
		"/x/../HEALTHZ/":  "AWS_LWA_READINESS_CHECK_PATH",
		"/events/":        "AWS_LWA_PASS_THROUGH_PATH",
		"/%65vents":       "AWS_LWA_PASS_THROUGH_PATH",
		"/hooks/%":        "percent sign",
		"/hooks/%zz":      "percent sign",
		"/hooks/%2":       "percent sign",
		"/hooks/%25after": "% ? # ;",
		"/hooks?x=1":      "% ? # ;",
		"/hooks%3Fx":      "% ? # ;",
		"/hooks;a=b":      "% ? # ;",
		"/hooks#x":        "% ? # ;",
	} {
		got := HookMistake(path, taken)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
