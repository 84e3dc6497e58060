package monitor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"lambda-web/local/sandbox"
)

// named answers with its name.
type named string

func (n named) Invoke(context.Context, sandbox.Invocation) (sandbox.Result, error) {
	return sandbox.Result{Payload: []byte(n)}, nil
}

// TestInvokeFindsTheFunction: by its name, by its ARN, or the only one there is.
func TestInvokeFindsTheFunction(t *testing.T) {
	one := map[string]sandbox.Invoker{"web": named("web"), "arn:web": named("web")}
	two := map[string]sandbox.Invoker{"web": named("web"), "arn:web": named("web"), "shop": named("shop"),
		"arn:shop": named("shop")}
	for name, c := range map[string]struct {
		callable   map[string]sandbox.Invoker
		function   string
		want, fail string
	}{
		"the only one":     {one, "", "web", ""},
		"by name":          {two, "shop", "shop", ""},
		"by ARN":           {two, "arn:web", "web", ""},
		"which one":        {two, "", "", "without a name: there are shop, web"},
		"unknown":          {one, "other", "", "no such function: other"},
		"nothing deployed": {nil, "", "", "nothing is deployed"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := New(Settings{})
			cloud.callable.Store(&c.callable)
			events := schedules(&Deployment{})
			cloud.schedules.Store(&events)
			result, err := cloud.Invoke(t.Context(), c.function, sandbox.Invocation{Event: []byte(`{}`)})
			if string(result.Payload) != c.want || (err == nil) != (c.fail == "") {
				t.Fatalf("got %s, %v", result.Payload, err)
			}
			if err != nil && (!errors.Is(err, sandbox.ErrNotFound) || !strings.Contains(err.Error(), c.fail)) {
				t.Errorf("the error is %v, want one with %q", err, c.fail)
			}
		})
	}
}
