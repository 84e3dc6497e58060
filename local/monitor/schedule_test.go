package monitor

import (
	"strings"
	"testing"
	"time"
)

// TestScheduled: an event that only names a schedule becomes that schedule's; any other one stays what it is.
func TestScheduled(t *testing.T) {
	input := `{"lambda-web-schedule":{"name":"nightly","path":"/tasks/nightly"},"id":"<aws.scheduler.execution-id>","time":"<aws.scheduler.scheduled-time>","attempt":"<aws.scheduler.attempt-number>"}`
	known := map[string]string{"nightly": input, "often": "{}"}
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	for event, want := range map[string]string{
		`{"lambda-web-schedule":{"name":"nightly"}}`:             `{"lambda-web-schedule":{"name":"nightly","path":"/tasks/nightly"},"id":"1-2","time":"2026-11-29T03:00:00Z","attempt":"1"}`,
		`{"lambda-web-schedule":{"name":"nightly","path":"/x"}}`: `{"lambda-web-schedule":{"name":"nightly","path":"/x"}}`,
		`{"Records":[]}`: `{"Records":[]}`, `3`: `3`, `not JSON`: `not JSON`, ``: ``,
	} {
		if got, err := scheduled([]byte(event), known, "1-2", now); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v; want %s", event, got, err, want)
		}
	}
	_, err := scheduled([]byte(`{"lambda-web-schedule":{"name":"daily"}}`), known, "1-2", now)
	if err == nil || !strings.Contains(err.Error(), `there is no schedule "daily"; there are: nightly, often`) {
		t.Error(err)
	}
}
