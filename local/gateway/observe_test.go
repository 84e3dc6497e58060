package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

// notebook keeps records until the test asks for them.
type notebook struct {
	mu      sync.Mutex
	records []Record
	ended   chan struct{}
}

func observing(config Config) (Config, *notebook) {
	n := &notebook{ended: make(chan struct{}, 100)}
	config.Observe = func(r Record) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.records = append(n.records, r)
		if _, last := r.(Response); last {
			n.ended <- struct{}{}
		}
	}
	return config, n
}

// exchange waits for the end of a request and returns its records.
func (n *notebook) exchange(t *testing.T) (Request, []Piece, Response) {
	t.Helper()
	select {
	case <-n.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("no Response was observed")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var (
		request  Request
		pieces   []Piece
		response Response
		order    string
	)
	for _, r := range n.records {
		switch r := r.(type) {
		case Request:
			request, order = r, order+"q"
		case Piece:
			pieces, order = append(pieces, r), order+"p"
			if r.ID != request.ID {
				t.Errorf("a piece of %+v, the request is %+v", r.ID, request.ID)
			}
		case Response:
			response, order = r, order+"r"
		}
	}
	if want := "q" + strings.Repeat("p", len(pieces)) + "r"; order != want {
		t.Errorf("the order of the records is %s, want %s", order, want)
	}
	if request.ID != response.ID || request.RequestID == "" || request.GatewayID == "" ||
		request.RequestID == request.GatewayID {
		t.Errorf("the ids are %+v and %+v", request.ID, response.ID)
	}
	n.records = nil
	return request, pieces, response
}

func TestObserveRequests(t *testing.T) {
	var event []byte
	var id string
	config, records := observing(testConfig(func(_ context.Context, in sandbox.Invocation) (sandbox.Result, error) {
		event, id = in.Event, in.RequestID
		return sandbox.Result{Payload: []byte(`{"statusCode":201,"headers":{"X-A":"1"},"body":"made"}`)}, nil
	}))
	server := serve(t, config)
	exchangeRaw(t, server, requestText("POST", "/v1/items?x=1", "", "Content-Length: 4", "Cookie: a=b")+"body")
	request, _, response := records.exchange(t)
	if request.Method != "POST" || request.Target != "/v1/items?x=1" || request.Resource != "/{proxy+}" ||
		request.Stage != "v1" ||
		request.Header.Get("Cookie") != "a=b" || string(request.Body.Bytes) != "body" || request.Body.Size != 4 {
		t.Errorf("the request is %+v", request)
	}
	if string(request.Event.Bytes) != string(event) || request.RequestID != id ||
		request.Invoked.Before(request.Began) {
		t.Errorf("the event is %s, the id %s; the function got %s and %s", request.Event.Bytes, request.RequestID,
			event, id)
	}
	if response.Status != 201 || string(response.Body.Bytes) != "made" || response.Header["X-A"][0] != "1" ||
		response.FirstByte.Before(request.Invoked) || response.Cause != "" || response.IntegrationLatency <= 0 {
		t.Errorf("the response is %+v", response)
	}
	// HEAD: no body has gone out.
	exchangeRaw(t, server, requestText("HEAD", "/v1/items", ""))
	if _, _, response := records.exchange(t); response.Body.Size != 0 {
		t.Errorf("a body of %d bytes for HEAD", response.Body.Size)
	}
}

func TestObserveWhatTheGatewayAnswersItself(t *testing.T) {
	for name, c := range map[string]struct {
		function       function
		target         string
		status         int
		errorType, why string
		invoked        bool
	}{
		"unknown stage":  {echo, "/other/x", 403, "RESOURCE_NOT_FOUND", `the stage is "v1"`, false},
		"function error": {failing, "/v1/x", 502, "DEFAULT_5XX", "exit status 3", true},
		"malformed":      {returns("[]"), "/v1/x", 502, "DEFAULT_5XX", "not a JSON object", true},
	} {
		t.Run(name, func(t *testing.T) {
			config, records := observing(testConfig(c.function))
			server := serve(t, config)
			exchangeRaw(t, server, requestText("GET", c.target, ""))
			request, _, response := records.exchange(t)
			if request.Target != c.target || request.Invoked.IsZero() == c.invoked {
				t.Errorf("the request is %+v", request)
			}
			if response.Status != c.status || response.ErrorType != c.errorType || !strings.Contains(response.Cause,
				c.why) {
				t.Errorf("status %d, %s, %q; want %d, %s, %q", response.Status, response.ErrorType, response.Cause,
					c.status, c.errorType, c.why)
			}
		})
	}
}

func failing(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	document, _ := json.Marshal(map[string]string{"errorType": "Runtime.ExitError", "errorMessage": "exit status 3"})
	return sandbox.Result{Payload: document, FunctionError: "Unhandled"}, nil
}

func TestObserveStreams(t *testing.T) {
	for name, c := range map[string]struct {
		result sandbox.Result
		cause  string
	}{
		"whole": {sandbox.Result{}, ""},
		"cut off": {sandbox.Result{FunctionError: "Unhandled", Payload: []byte(`"why"`)},
			"in the middle of the stream"},
	} {
		t.Run(name, func(t *testing.T) {
			config, records := observing(streamConfig(streams(c.result, `{"statusCode":201}`+preludeZeros+"a", "bc")))
			server := serve(t, config)
			receive(t, server, http.MethodGet)
			request, pieces, response := records.exchange(t)
			if !request.Streamed || len(pieces) != 2 || string(pieces[0].Bytes) != "a" ||
				string(pieces[1].Bytes) != "bc" || pieces[0].Status != 201 {
				t.Errorf("the pieces are %+v", pieces)
			}
			if response.Status != 201 || string(response.Body.Bytes) != "abc" || !strings.Contains(response.Cause,
				c.cause) || (c.cause == "") != (response.Cause == "") {
				t.Errorf("the response is %+v", response)
			}
		})
	}
}

// BenchmarkObserve is BenchmarkServe with somebody who counts the records: the difference is the price of observing.
func BenchmarkObserve(b *testing.B) {
	config := testConfig(returns(helloAnswer))
	seen := 0
	config.Observe = func(Record) { seen++ }
	api, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	r := requestOf("GET", "/v1/api/hello?name=World", browserHeaders())
	b.ReportAllocs()
	for b.Loop() {
		api.ServeHTTP(blackhole{http.Header{}}, r)
	}
}
