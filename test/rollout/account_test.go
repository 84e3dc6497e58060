package rollout

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
)

// account answers as Lambda and CloudWatch do, on one address. Its alias is a real one as far as its revision goes:
// who has not seen the last change cannot make the next.
type account struct {
	mu       sync.Mutex
	version  string
	weights  map[string]float64
	revision int
	moves    []string // "rest+weights", in order
	started  bool     // environments are kept started for the alias

	alarm   func(a *account) string                         // state of the one alarm
	metrics func(a *account, version string) metricValues   // of a version, or of the alias for ""
	moved   func(a *account)                                // after a move
	fail    func(a *account, operation string) (status int) // of a call, 0 for none
	looked  []string                                        // dimensions that were asked for
}

type metricValues struct{ invocations, errors, throttles, latency float64 }

func newAccount(t *testing.T) (*account, string) {
	a := &account{version: "1", weights: map[string]float64{}, alarm: func(*account) string { return "OK" },
		metrics: func(*account, string) metricValues { return metricValues{invocations: 10, latency: 20} },
		moved:   func(*account) {}, fail: func(*account, string) int { return 0 }}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, server.URL
}

// behave changes how the account behaves.
func (a *account) behave(set func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	set()
}

// now is what the alias says: the version that gets the rest, and the weights.
func (a *account) now() string { return fmt.Sprintf("%s%v", a.version, a.weights) }

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/") {
		http.Error(w, "not signed for the stack's region: "+r.Header.Get("Authorization"), http.StatusForbidden)
		return
	}
	operation := r.Method + " " + r.URL.Path
	if status := a.fail(a, operation); status != 0 {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(status)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/web/aliases/live"):
		a.serveAlias(w, r)
	case r.URL.Path == "/2019-09-30/functions/web/provisioned-concurrency":
		if !a.started {
			refuse(w, http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException")
			return
		}
		fmt.Fprint(w, `{"RequestedProvisionedConcurrentExecutions": 2, "Status": "READY"}`)
	case strings.HasPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/"):
		a.serveMetrics(w, r)
	default:
		http.NotFound(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"Type": "User", "Message": %q}`, kind)
}

// serveAlias: https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html, API_UpdateAlias.html
func (a *account) serveAlias(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		var input struct {
			FunctionVersion, RevisionId string
			RoutingConfig               struct{ AdditionalVersionWeights map[string]float64 }
		}
		if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
			refuse(w, http.StatusBadRequest, "InvalidParameterValueException")
			return
		}
		weights := input.RoutingConfig.AdditionalVersionWeights
		if _, self := weights[input.FunctionVersion]; self || weights == nil {
			refuse(w, http.StatusBadRequest, "InvalidParameterValueException")
			return
		}
		if input.RevisionId != fmt.Sprint("revision-", a.revision) {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailedException")
			return
		}
		a.revision++
		a.version, a.weights = input.FunctionVersion, weights
		a.moves = append(a.moves, a.now())
		a.moved(a)
	}
	answer := map[string]any{"Name": "live", "FunctionVersion": a.version, "RevisionId": fmt.Sprint("revision-",
		a.revision)}
	if len(a.weights) > 0 {
		answer["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": a.weights}
	}
	json.NewEncoder(w).Encode(answer)
}

// serveMetrics: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func (a *account) serveMetrics(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	value, decodeErr := cbor.Decode(text)
	input, ok := value.(cbor.Map)
	if err != nil || decodeErr != nil || !ok || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		http.Error(w, "not RPC v2", http.StatusBadRequest)
		return
	}
	var answer cbor.Map
	switch operation := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]; operation {
	case "DescribeAlarms":
		var alarms cbor.List
		for _, name := range input["AlarmNames"].(cbor.List) {
			if name == cbor.String("web-errors") {
				alarms = append(alarms, cbor.Map{"AlarmName": name,
					"AlarmDescription": cbor.String("Invocations fail"), "StateValue": cbor.String(a.alarm(a))})
			}
		}
		answer = cbor.Map{"MetricAlarms": alarms}
	case "GetMetricData":
		answer = cbor.Map{"MetricDataResults": a.results(input["MetricDataQueries"].(cbor.List))}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.Write(cbor.Encode(answer))
}

func (a *account) results(queries cbor.List) cbor.List {
	var results cbor.List
	for _, q := range queries {
		stat := q.(cbor.Map)["MetricStat"].(cbor.Map)
		metric := stat["Metric"].(cbor.Map)
		dimensions := map[string]string{}
		for _, d := range metric["Dimensions"].(cbor.List) {
			dimensions[string(d.(cbor.Map)["Name"].(cbor.String))] = string(d.(cbor.Map)["Value"].(cbor.String))
		}
		a.looked = append(a.looked, fmt.Sprint(dimensions))
		values := a.metrics(a, dimensions["ExecutedVersion"])
		value := map[string]float64{"Invocations Sum": values.invocations, "Errors Sum": values.errors,
			"Throttles Sum": values.throttles,
			"Duration p99":  values.latency}[string(metric["MetricName"].(cbor.String)+" "+stat["Stat"].(cbor.String))]
		results = append(results, cbor.Map{"Id": q.(cbor.Map)["Id"], "StatusCode": cbor.String("Complete"),
			"Values": cbor.List{cbor.Float64(value)}})
	}
	return results
}
