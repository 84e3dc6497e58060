package cloud

import (
	"regexp"
	"strings"
	"testing"
)

// SnapStart with the adapter and an app: one init when the version is published, the hook before it and a restore
// with the hook after it before the first request of each sandbox.
func TestSnapStart(t *testing.T) {
	c := startAs(t, "-mode", "process", "-app", wsgiApp, "-c", onDemand,
		"-c", "snapStart=true", "-c", "snapStartBefore=/hooks/before", "-c", "snapStartAfter=/hooks/after")
	c.waitFor("INIT_REPORT Init Duration: ")
	if response, _ := c.do("GET", "/empty", nil); response.StatusCode != 204 {
		t.Errorf("status %d", response.StatusCode)
	}
	report := c.waitFor("| REPORT RequestId")
	if !regexp.MustCompile(`\tRestore Duration: [0-9.]+ ms\tBilled Restore Duration: \d+ ms$`).MatchString(report) ||
		strings.Contains(report, "Init Duration") {
		t.Errorf("the line is %q", report)
	}
	log := c.Log()
	at := 0
	for _, text := range []string{"INIT_REPORT", "Ready in", "RESTORE_START", "RESTORE_REPORT Restore Duration: ",
		"START RequestId"} {
		found := strings.Index(log[at:], text)
		if found < 0 {
			t.Fatalf("%q is missing, or too early, in\n%s", text, log)
		}
		at += found
	}
	// The app's own lines come by another way, and may be a little late.
	for _, text := range []string{"POST /hooks/before", "POST /hooks/after"} {
		c.waitFor(text)
	}
	if strings.Contains(log, "feature.snapstart") {
		t.Error("the label is asked for, though the adapter asks for a restore")
	}
}
