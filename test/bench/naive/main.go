// Command naive is the adapter that one would write in an afternoon: net/http and encoding/json on a page. The bench runs it
// beside the real one, as the floor to beat and as the check that the bench measures what it says. It is not for use:
// it knows one kind of error, to give up.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// event is what the kinds of events have, taken together.
type event struct {
	HTTPMethod      string              `json:"httpMethod"`
	Path            string              `json:"path"`
	RawPath         string              `json:"rawPath"`
	RawQueryString  string              `json:"rawQueryString"`
	Query           map[string]string   `json:"queryStringParameters"`
	MultiQuery      map[string][]string `json:"multiValueQueryStringParameters"`
	Headers         map[string]string   `json:"headers"`
	RequestContext  json.RawMessage     `json:"requestContext"`
	Body            string              `json:"body"`
	IsBase64Encoded bool                `json:"isBase64Encoded"`
}

type reply struct {
	StatusCode        int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

var (
	lambda = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	app    = "http://127.0.0.1:" + os.Getenv("AWS_LWA_PORT")
	client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
	stream = os.Getenv("AWS_LWA_INVOKE_MODE") == "response_stream"
)

func main() {
	registration := send("POST", lambda+"/2020-01-01/extension/register",
		http.Header{"Lambda-Extension-Name": {"lambda-adapter"}}, strings.NewReader(`{"events":[]}`))
	finish(registration)
	go send("GET", lambda+"/2020-01-01/extension/event/next",
		http.Header{"Lambda-Extension-Identifier": registration.Header["Lambda-Extension-Identifier"]}, nil)
	for {
		if response, err := client.Get(app + os.Getenv("AWS_LWA_READINESS_CHECK_PATH")); err == nil {
			finish(response)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	workers, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	for range workers - 1 {
		go serve()
	}
	serve()
}

func serve() {
	for {
		next := send("GET", lambda+"/2018-06-01/runtime/invocation/next", nil, nil)
		var e event
		check(json.NewDecoder(next.Body).Decode(&e))
		finish(next)
		respond(lambda+"/2018-06-01/runtime/invocation/"+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response",
			&e, ask(&e))
	}
}

// ask sends the event's request to the app.
func ask(e *event) *http.Response {
	if e.RawPath != "" {
		var context struct{ HTTP struct{ Method string } }
		check(json.Unmarshal(e.RequestContext, &context))
		e.HTTPMethod, e.Path = context.HTTP.Method, e.RawPath
	}
	query := url.Values(e.MultiQuery)
	if query == nil {
		query = url.Values{}
		for name, value := range e.Query {
			query.Set(name, value)
		}
	}
	target := (&url.URL{Path: e.Path, RawQuery: query.Encode()}).String()
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		body, err = base64.StdEncoding.DecodeString(e.Body)
		check(err)
	}
	header := http.Header{"X-Amzn-Request-Context": {string(e.RequestContext)}}
	for name, value := range e.Headers {
		header.Set(name, value)
	}
	return send(e.HTTPMethod, app+target, header, bytes.NewReader(body))
}

// respond posts the app's response.
func respond(to string, e *event, response *http.Response) {
	r := reply{StatusCode: response.StatusCode, MultiValueHeaders: response.Header}
	if e.RawPath != "" || strings.Contains(string(e.RequestContext), `"elb"`) || stream {
		r.Headers, r.MultiValueHeaders = map[string]string{}, nil
		for name, values := range response.Header {
			r.Headers[name] = strings.Join(values, ", ")
		}
	}
	if stream {
		prelude, err := json.Marshal(r)
		check(err)
		body := io.MultiReader(bytes.NewReader(prelude), bytes.NewReader(make([]byte, 8)), response.Body)
		header := http.Header{"Lambda-Runtime-Function-Response-Mode": {"streaming"},
			"Content-Type": {"application/vnd.awslambda.http-integration-response"}}
		finish(send("POST", to, header, body))
		finish(response)
		return
	}
	body, err := io.ReadAll(response.Body)
	check(err)
	finish(response)
	kind := response.Header.Get("Content-Type")
	r.Body = string(body)
	if !strings.HasPrefix(kind, "text/") && !strings.Contains(kind, "json") {
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	text, err := json.Marshal(r)
	check(err)
	finish(send("POST", to, nil, bytes.NewReader(text)))
}

func send(method, target string, header http.Header, body io.Reader) *http.Response {
	request, err := http.NewRequest(method, target, body)
	check(err)
	if header != nil {
		request.Header = header
	}
	response, err := client.Do(request)
	check(err)
	return response
}

func finish(response *http.Response) {
	_, err := io.Copy(io.Discard, response.Body)
	check(err)
	check(response.Body.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
