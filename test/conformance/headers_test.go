package conformance

import (
	"slices"
	"strings"
	"testing"
)

// oddHeaders are header maps as they rarely come, and what the application must get of them.
var oddHeaders = map[string]struct {
	multi, single string              // multiValueHeaders and headers of a REST event; empty: none
	want          map[string][]string // nil: absent
}{
	"connection in two spellings": {
		single: `{"Connection":"x-one","connection":"X-Two, close","x-one":"1","x-two":"2","x-three":"3"}`,
		want:   map[string][]string{"connection": nil, "x-one": {"1"}, "x-two": {"2"}, "x-three": {"3"}},
	},
	"connection with several values": {
		multi: `{"Connection":["keep-alive","x-one"],"x-one":["1"],"x-two":["2"]}`,
		want:  map[string][]string{"connection": nil, "x-one": {"1"}, "x-two": {"2"}},
	},
	"multi-value wins whatever the case": {
		multi: `{"X-A":["1","2"]}`, single: `{"x-a":"2","X-B":"3"}`,
		want: map[string][]string{"x-a": {"1", "2"}, "x-b": {"3"}},
	},
	"values that are no text": {
		multi: `{"x-n":[1,true,null,1.50,{"a":1},["b"]],"x-null":null,"x-none":[]}`,
		want:  map[string][]string{"x-n": {"1", "true", "1.50"}, "x-null": nil, "x-none": nil},
	},
	"host in two spellings": {
		single: `{"Host":"one.example.com","HOST":"two.example.com"}`,
		want:   map[string][]string{"host": {"one.example.com"}},
	},
	"no host": {
		single: `{"x-a":"1"}`,
		want:   map[string][]string{"host": {"abc123.execute-api.us-east-1.amazonaws.com"}},
	},
	"names with a line end, a blank, a colon, nothing": {
		single: `{"x\r\ny":"1","x y":"1","x:y":"1","":"1","x-a":"1"}`,
		want:   map[string][]string{"x": nil, "y": nil, "x-a": {"1"}},
	},
	"several cookies": {
		multi: `{"Cookie":["a=1",null,"b=2"]}`, single: `{"cookie":"b=2"}`,
		want: map[string][]string{"cookie": {"a=1; b=2"}},
	},
	"forwarded fields": {
		single: `{"X-Forwarded-For":"192.0.2.1, 198.51.100.2","Forwarded":"for=192.0.2.1","Via":"2.0 x","Accept-Encoding":"br","Authorization":"Basic eA=="}`,
		want: map[string][]string{"x-forwarded-for": {"192.0.2.1, 198.51.100.2"}, "forwarded": {"for=192.0.2.1"},
			"via":             {"2.0 x"},
			"accept-encoding": {"br"}, "authorization": {"Basic eA=="}},
	},
	"lengths that are not the body's": {
		single: `{"Content-Length":"99","Transfer-Encoding":"chunked","TE":"trailers"}`,
		want:   map[string][]string{"content-length": {"0"}, "transfer-encoding": nil, "te": nil},
	},
}

func TestOddHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range oddHeaders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.startReady()
			var maps []string
			if c.multi != "" {
				maps = append(maps, `"multiValueHeaders":`+c.multi)
			}
			if c.single != "" {
				maps = append(maps, `"headers":`+c.single)
			}
			e.invoke(`{"httpMethod":"POST","path":"/",` + strings.Join(maps, ",") +
				`,"requestContext":{"httpMethod":"POST","domainName":"abc123.execute-api.us-east-1.amazonaws.com"},"body":null}`).status(200)
			call := e.app.Served()[0]
			for field, want := range c.want {
				if got := call.Header.Values(field); !slices.Equal(got, want) {
					t.Errorf("%s is %q, want %q", field, got, want)
				}
			}
		})
	}
}
