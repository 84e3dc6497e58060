package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

// call is a request with its body, ready to be signed and sent.
type call struct {
	*http.Request
	body []byte

	region, service string // what it is signed for; empty when it is not
}

// request makes the request the options describe.
func (o *options) request(stdin io.Reader) (*call, error) {
	body, err := o.body(stdin)
	if err != nil {
		return nil, err
	}
	method := o.method
	switch {
	case method == "" && o.hasData:
		method = http.MethodPost
	case method == "":
		method = http.MethodGet
	}
	u := *o.url
	u.RawQuery, u.Fragment, u.RawFragment = unambiguousQuery(u.RawQuery), "", ""
	r, err := http.NewRequest(method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	r.Header = o.headers.Clone()
	if r.Header.Get("Host") != "" {
		r.Host = r.Header.Get("Host")
		r.Header.Del("Host")
	}
	r.Host = withoutDefaultPort(r.URL.Scheme, host(r))
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "lambda-web-invoke")
	}
	if o.hasData && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", contentType(body))
	}
	return &call{Request: r, body: body}, nil
}

func (o *options) body(stdin io.Reader) ([]byte, error) {
	name, file := strings.CutPrefix(o.data, "@")
	switch {
	case !file:
		return []byte(o.data), nil
	case name == "-":
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read the body from stdin: %w", err)
		}
		return data, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return data, nil
}

// contentType is JSON for an object or an array, and what an HTML form sends for anything else.
func contentType(body []byte) string {
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') && json.Valid(body) {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// withoutDefaultPort drops the port HTTP libraries and proxies drop, so that all sign the same host.
func withoutDefaultPort(scheme, host string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// awsHost finds service and region in the names AWS gives: <id>.execute-api.<region>.amazonaws.com, the names of
// VPC endpoints, and <id>.lambda-url.<region>.on.aws
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html,
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html).
var awsHost = regexp.MustCompile(`\.(execute-api|lambda-url)\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com|amazonaws\.com\.cn|on\.aws)$`)

// authenticate signs the request unless it is to go without.
func (o *options) authenticate(ctx context.Context, c *call) error {
	if o.unsigned {
		return nil
	}
	if found := awsHost.FindStringSubmatch(c.URL.Hostname()); found != nil {
		c.region = found[2]
		if found[1] == "lambda-url" {
			c.service = "lambda"
		}
	}
	c.region = cmp.Or(o.region, c.region)
	c.service = cmp.Or(o.service, c.service, "execute-api")
	// Where a profile takes on a role, STS is asked in a region too.
	loading := []func(*config.LoadOptions) error{config.WithDefaultRegion(c.region)}
	if o.profile != "" {
		loading = append(loading, config.WithSharedConfigProfile(o.profile))
	}
	settings, err := config.LoadDefaultConfig(ctx, loading...)
	if err != nil {
		return fmt.Errorf("read the AWS configuration: %w", err)
	}
	if c.region = cmp.Or(c.region, settings.Region); c.region == "" {
		return fmt.Errorf("the region does not follow from %s; use -region, such as -region eu-central-1, or "+
			"set AWS_REGION", c.URL.Hostname())
	}
	credentials, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("there are no AWS credentials to sign with; sign in (aws sso login), name a "+
			"profile (-profile or AWS_PROFILE), "+
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use -u for a request that is not signed: %w", err)
	}
	signer{credentials: credentials, region: c.region, service: c.service}.sign(c.Request, c.body, time.Now())
	return nil
}

// send sends the request as it is: no redirect is followed, as the signature is for one URL, and nothing is
// decompressed.
func (c *call) send(ctx context.Context) (*http.Response, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := client.Do(c.Request.WithContext(ctx))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s did not answer in the time of -timeout", c.URL.Host)
	case err != nil:
		return nil, fmt.Errorf("call %s: %w", c.URL.Host, err)
	}
	return answer, nil
}
