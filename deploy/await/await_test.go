package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lambda-web/deploy/stack/stacktest"
)

// What Lambda says of the version at each look, and what the command makes of it.
func TestAwait(t *testing.T) {
	const snapshot, none = `"SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "%s"}`,
		`"SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}`
	pending, on, off := fmt.Sprintf(snapshot, "Off"), fmt.Sprintf(snapshot, "On"), fmt.Sprintf(snapshot, "Off")
	tests := []struct {
		name  string
		looks []string
		says  []string
		fails []string
	}{
		{"without SnapStart", []string{`"State": "Active", ` + none}, nil, nil},
		{"a snapshot", []string{`"State": "Pending", ` + pending, `"State": "Pending", ` + pending,
			`"State": "Active", ` + on},
			[]string{"Version 7 is Pending, after 0s", "Version 7 can serve, from a snapshot."}, nil},
		{"active before its snapshot counts", []string{`"State": "Active", ` + off, `"State": "Active", ` + on},
			[]string{"Version 7 is Active without its snapshot", "from a snapshot"}, nil},
		{"a failure", []string{`"State": "Pending", ` + pending,
			`"State": "Failed", "StateReason": "the app exited", "StateReasonCode": "FunctionError.RuntimeInitError", ` + off}, nil,
			[]string{"version 7 has failed: the app exited (FunctionError.RuntimeInitError)",
				"    ImportError: no module", "    INIT_REPORT",
				"--function-name web --qualifier 7 --region eu-central-1"}},
		{"for longer than the limit", []string{`"State": "Pending", ` + pending}, nil,
			[]string{"version 7 cannot serve yet"}},
		{"an account that refuses", []string{""}, nil, []string{"look at the version of alias live",
			"AccessDeniedException"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			looks := 0
			stacktest.Use(t, nil, func(w http.ResponseWriter, r *http.Request) {
				if target := r.Header.Get("X-Amz-Target"); strings.HasSuffix(target, "FilterLogEvents") {
					fmt.Fprint(w,
						`{"events": [{"message": "ImportError: no module\n"}, {"message": "INIT_REPORT Init Duration: 3 ms\n"}]}`)
					return
				}
				if r.URL.Query().Get("Qualifier") != "live" {
					t.Errorf("it asks for %s", r.URL)
				}
				look := test.looks[min(looks, len(test.looks)-1)]
				looks++
				if look == "" {
					w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
					w.WriteHeader(http.StatusForbidden)
					return
				}
				fmt.Fprintf(w, `{"Version": "7", %s}`, look)
			})
			var out bytes.Buffer
			err := run(t.Context(), []string{"-every", "1ms", "-limit", "300ms"}, &out)
			if (err == nil) != (test.fails == nil) {
				t.Errorf("it ends with %v", err)
			}
			for _, text := range test.fails {
				if !strings.Contains(fmt.Sprint(err), text) {
					t.Errorf("it ends with %v, want %q", err, text)
				}
			}
			for _, text := range test.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("it says %q, want %q", &out, text)
				}
			}
			if test.says == nil && test.fails == nil && out.Len() > 0 {
				t.Errorf("it says %q where there is nothing to wait for", &out)
			}
		})
	}
	if err := run(t.Context(), []string{"-every", "0s"}, nil); err == nil || !strings.Contains(err.Error(),
		"times above 0") {
		t.Errorf("-every 0s: %v", err)
	}
}
