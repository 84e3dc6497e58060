package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMaskJSON(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing secret": {`{"headers":{"Accept":"*/*"},"body":"authorization"}`,
			`{"headers":{"Accept":"*/*"},"body":"authorization"}`},
		"a header": {`{"headers":{"Authorization":"Bearer x","A":"b"}}`, `{"headers":{"Authorization":"` +
			hidden + `","A":"b"}}`},
		"a list": {`{"Cookie": ["a=1", "b=\"2"], "n":1}`, `{"Cookie": ["` + hidden + `", "` + hidden +
			`"], "n":1}`},
		"cookies of answers": {`{"cookies":["s=1"],"statusCode":200}`, `{"cookies":["` + hidden +
			`"],"statusCode":200}`},
		"null": {`{"cookie":null,"x":"y"}`, `{"cookie":null,"x":"y"}`},
		"an object": {`{"authorization":{"token":"t","list":["u"]},"x":"y"}`, `{"authorization":{"` +
			hidden + `":"` + hidden + `","` + hidden + `":["` + hidden + `"]},"x":"y"}`},
		"an escaped name":  {`{"\u0063ookie":"s"}`, `{"\u0063ookie":"` + hidden + `"}`},
		"cut off":          {`{"authorization":"Bear`, `{"authorization":"` + hidden},
		"a value, no name": {`["authorization","Bearer x"]`, `["authorization","Bearer x"]`},
		"no JSON":          {`hello "authorization`, `hello "authorization`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(maskJSON([]byte(c.in))); got != c.want {
				t.Errorf("%s\nbecomes %s\nwant    %s", c.in, got, c.want)
			}
		})
	}
}

func TestHeadersAreHidden(t *testing.T) {
	h := http.Header{"Authorization": {"Basic YTpi"}, "X-Amzn-Remapped-Authorization": {"Basic YTpi"},
		"Cookie": {"a=b"}, "Set-Cookie": {"c=d", "e=f"}, "Accept": {"*/*"}}
	for _, l := range headersOf(h, false) {
		if secret := l.Name != "Accept"; l.Hidden != secret || secret && l.Value != hidden {
			t.Errorf("%s is %q, hidden %v", l.Name, l.Value, l.Hidden)
		}
	}
	for _, l := range headersOf(h, true) {
		if l.Hidden || l.Value == hidden {
			t.Errorf("%s is hidden although it was asked for", l.Name)
		}
	}
	if got := maskTarget("/v1/x?a=1&X-Amz-Signature=abc&b"); got != "/v1/x?a=1&X-Amz-Signature="+hidden+"&b" {
		t.Errorf("the target becomes %s", got)
	}
}

// FuzzMaskJSON: JSON stays JSON, and no string in a secret member is left.
func FuzzMaskJSON(f *testing.F) {
	f.Add([]byte(`{"headers":{"Authorization":"Bearer x"},"multiValueHeaders":{"Cookie":["a","b"]}}`))
	f.Add([]byte(`{"\u0043ookie":{"a":["b\\\"",1]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		masked := maskJSON(text)
		if !json.Valid(text) {
			return
		}
		if !json.Valid(masked) {
			t.Fatalf("%q becomes %q, which is no JSON", text, masked)
		}
		var value any
		json.Unmarshal(masked, &value)
		lookForSecrets(t, value, false)
	})
}

func lookForSecrets(t *testing.T, value any, secret bool) {
	switch v := value.(type) {
	case string:
		if secret && v != hidden {
			t.Errorf("%q is left of a secret", v)
		}
	case []any:
		for _, element := range v {
			lookForSecrets(t, element, secret)
		}
	case map[string]any:
		for name, element := range v {
			lookForSecrets(t, element, secret || isSecret(strings.ToValidUTF8(name, "")))
		}
	}
}
