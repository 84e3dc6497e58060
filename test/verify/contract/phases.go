package contract

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"lambda-web/test/verify/evidence"
)

// Phase is a configuration of the program that some of the checks need. They are deployed one after the other.
type Phase string

const (
	Open       Phase = "open"       // everybody may call
	Streaming  Phase = "streaming"  // answers travel as they are written
	Signed     Phase = "signed"     // AWS_IAM
	Narrow     Phase = "narrow"     // AWS_IAM, with pages of other sites and one environment at a time
	Refused    Phase = "refused"    // a resource policy that names other addresses
	Throttled  Phase = "throttled"  // one request a second
	Snapshot   Phase = "snapshot"   // SnapStart
	Unrestored Phase = "unrestored" // SnapStart whose hook after a restore fails
)

// Phases are all of them, in the order in which they are deployed. The policies of the last three stay in force until
// another one is named, so that they would refuse the callers of the others.
var Phases = []Phase{Open, Streaming, Throttled, Snapshot, Unrestored, Signed, Narrow, Refused}

// Limits of the function and of the API in all phases, short so that a run is.
const (
	Timeout    = 5 * time.Second
	APITimeout = 4 * time.Second
	Memory     = 256 // MB
)

// Serves says whether the deployment of a phase is the one that answers.
func Serves(ctx context.Context, t *Target, phase Phase) bool {
	r := &Run{Target: t, ctx: ctx, record: evidence.Record{Facts: map[string]string{}}}
	r.Signs = phase == Signed || phase == Narrow
	answer := r.Get("/", "")
	switch phase {
	case Refused:
		return answer.Status == http.StatusForbidden
	case Unrestored:
		return answer.Status >= http.StatusInternalServerError
	}
	return answer.Status == http.StatusOK && r.Report(answer).Process.Phase == string(phase)
}

// Settings are those of the program. Prices and times of a run depend on them: see the command's estimate.
func (p Phase) Settings() map[string]any {
	s := map[string]any{"memory": Memory, "timeout": int(Timeout.Seconds()), "apiTimeout": int(APITimeout.Seconds()),
		"logRetention": 1, "imageRetention": 2, "forwardedPrefix": "off",
		"environment": map[string]string{"VERIFY_PHASE": string(p)}}
	switch p {
	case Streaming:
		s["invokeMode"], s["timeout"], s["apiTimeout"] = "response_stream", 30, 30
	case Signed:
		s["auth"] = "AWS_IAM"
	case Narrow:
		s["auth"], s["reservedConcurrency"] = "AWS_IAM", 1
		s["timeout"], s["apiTimeout"] = 20, 20
		s["cors"] = map[string]any{"origins": []string{"https://app.example.com"}}
	case Refused:
		s["allowedSourceRanges"] = []string{"192.0.2.0/24"}
	case Throttled:
		s["throttleRate"], s["throttleBurst"] = 1, 1
	case Snapshot, Unrestored:
		s["snapStart"], s["snapStartBefore"], s["snapStartAfter"] = true, "/hooks/before", "/hooks/after"
		if p == Unrestored {
			s["environment"] = map[string]string{"VERIFY_PHASE": string(p), "VERIFY_RESTORE": "fails"}
		}
	}
	return s
}

// File is a stack's file with the settings of the phase, for the app in a folder relative to Pulumi.yaml. What the
// stack's own file says of its provider and its secrets is kept. In an account with few environments none is reserved.
func (p Phase) File(app string, stack map[string]any, few bool) ([]byte, error) {
	all, config := maps.Clone(stack), map[string]any{"aws:region": "eu-central-1"}
	if all == nil {
		all = map[string]any{}
	}
	if given, ok := stack["config"].(map[string]any); ok {
		for key, value := range given {
			if strings.HasPrefix(key, "aws:") {
				config[key] = value
			}
		}
	}
	for key, value := range p.Settings() {
		if key != "reservedConcurrency" || !few {
			config["lambda-web:"+key] = value
		}
	}
	config["lambda-web:app"] = app
	all["config"] = config
	return yaml.Marshal(all)
}
