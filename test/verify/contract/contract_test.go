package contract

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lambda-web/test/verify/evidence"
)

func TestTable(t *testing.T) {
	id := regexp.MustCompile(`^[a-z-]+/[a-z0-9-]+$`)
	seen, used := map[string]bool{}, map[Phase]bool{}
	for _, c := range All() {
		switch {
		case !id.MatchString(c.ID), c.What == "", strings.HasSuffix(c.What, "."), c.Run == nil:
			t.Errorf("check %q is incomplete", c.ID)
		case seen[c.ID]:
			t.Errorf("check %q is there twice", c.ID)
		case !slices.Contains(Phases, c.Phase):
			t.Errorf("check %q is of the phase %q, which is never deployed", c.ID, c.Phase)
		}
		seen[c.ID], used[c.Phase] = true, true
	}
	for _, phase := range Phases {
		if !used[phase] {
			t.Errorf("no check is of the phase %s", phase)
		}
	}
}

// A server that answers everything with one and the same must not pass for the contract.
func TestAgainstTheWrong(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusBadGateway} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		u, err := url.Parse(server.URL + "/v1")
		if err != nil {
			t.Fatal(err)
		}
		judged, passed := 0, []string(nil)
		for _, c := range All() {
			if strings.Contains(c.What, "hat becomes of") || c.Phase != Open || c.ID == "life/freeze" {
				continue
			}
			record := Carry(t.Context(), &Target{URL: u, Has: Stage, APITimeout: 1, Timeout: 1}, c)
			if record.Verdict != evidence.Skip {
				judged++
			}
			if record.Verdict == evidence.Pass {
				passed = append(passed, c.ID)
			}
		}
		server.Close()
		if len(passed) > judged/5 {
			t.Errorf("%d of %d checks pass against a server that answers %d to everything: %s", len(passed), judged,
				status, strings.Join(passed, " "))
		}
	}
}

// What a check needs and there is not is said.
func TestNeeds(t *testing.T) {
	ran := false
	check := Check{"a/b", "What", Open, Log | Slow, func(*Run) { ran = true }}
	record := Carry(t.Context(), &Target{Has: Log}, check)
	if ran || record.Verdict != evidence.Skip || !strings.Contains(record.Reasons[0], "LONG=1") ||
		strings.Contains(record.Reasons[0], "log") {
		t.Errorf("ran: %v, %+v", ran, record)
	}
	if record = Carry(t.Context(), &Target{Has: Log | Slow}, check); !ran || record.Verdict != evidence.Pass {
		t.Errorf("ran: %v, %+v", ran, record)
	}
}

// The file of a phase keeps what the stack says of provider and secrets, and nothing else of it.
func TestFile(t *testing.T) {
	stack := map[string]any{"encryptionsalt": "v1:salt", "config": map[string]any{"aws:region": "eu-west-1",
		"aws:profile": "me", "lambda-web:memory": 1024, "lambda-web:dashboard": true}}
	for _, test := range []struct {
		phase     Phase
		stack     map[string]any
		few       bool
		has, lack []string
	}{
		{Open, stack, false, []string{"encryptionsalt: v1:salt", "aws:region: eu-west-1", "aws:profile: me",
			"lambda-web:memory: 256", "lambda-web:app: x/app"}, []string{"dashboard", "1024"}},
		{Open, nil, false, []string{"aws:region: eu-central-1"}, []string{"encryptionsalt"}},
		{Narrow, stack, false, []string{"lambda-web:reservedConcurrency: 1"}, nil},
		{Narrow, stack, true, []string{"lambda-web:auth: AWS_IAM"}, []string{"reservedConcurrency"}},
	} {
		text, err := test.phase.File("x/app", test.stack, test.few)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range test.has {
			if !strings.Contains(string(text), want) {
				t.Errorf("phase %s lacks %q:\n%s", test.phase, want, text)
			}
		}
		for _, bad := range test.lack {
			if strings.Contains(string(text), bad) {
				t.Errorf("phase %s has %q:\n%s", test.phase, bad, text)
			}
		}
	}
	if config := stack["config"].(map[string]any); len(config) != 4 || stack["encryptionsalt"] == nil {
		t.Errorf("the stack's own settings have changed: %v", stack)
	}
}
