package webapp

import "testing"

// A snapshot may take 20 minutes; without one the provider's own limit holds.
func TestSnapshotPatience(t *testing.T) {
	for value, want := range map[string]string{"true": "20m", "false": ""} {
		timeouts := newProject(t).deployed(t, map[string]string{"snapStart": value}).one(t,
			typeFunction).RegisterRPC.GetCustomTimeouts()
		if timeouts.GetCreate() != want || timeouts.GetUpdate() != want || timeouts.GetDelete() != "" {
			t.Errorf("snapStart %s: timeouts %v, want %q", value, timeouts, want)
		}
	}
}
