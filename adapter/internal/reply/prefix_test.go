package reply

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"lambda-web/adapter/internal/http1"
)

// A URL with a prefix leads through it wherever it leads to the app, and nowhere else.
func TestBelowPrefix(t *testing.T) {
	const host = "api.example.com"
	rows := []struct{ name, value, want string }{
		{"location", "/login", "/v1/login"}, {"location", "/", "/v1/"}, {"location", "/?a=b", "/v1/?a=b"},
		{"location", "/a/../b#c", "/v1/a/../b#c"},
		{"location", "/v1/login", "/v1/login"}, {"location", "/v1", "/v1"}, {"location", "/v1?a", "/v1?a"},
		{"location", "/v1#a", "/v1#a"},
		{"location", "/v1beta", "/v1/v1beta"}, {"location", "/v/1", "/v1/v/1"},
		{"location", "https://api.example.com/login", "https://api.example.com/v1/login"}, {"location",
			"http://API.example.com:80/login", "http://API.example.com:80/v1/login"},
		{"location", "https://api.example.com:443", "https://api.example.com:443/v1/"}, {"location",
			"https://api.example.com?a", "https://api.example.com/v1/?a"},
		{"location", "HTTPS://api.example.com/v1/a", "HTTPS://api.example.com/v1/a"}, {"location",
			"//api.example.com/a", "//api.example.com/v1/a"},
		{"location", "https://other.example.com/login", "https://other.example.com/login"}, {"location",
			"https://api.example.com:8443/a", "https://api.example.com:8443/a"},
		{"location", "https://api.example.com@evil/a", "https://api.example.com@evil/a"}, {"location",
			"https://u@api.example.com/a", "https://u@api.example.com/a"},
		{"location", "//other/a", "//other/a"}, {"location", `/\other/a`, `/\other/a`}, {"location",
			`https://api.example.com\@evil/`, `https://api.example.com/v1/\@evil/`},
		{"location", "login", "login"}, {"location", "../a", "../a"}, {"location", "?a=b", "?a=b"}, {"location", "#a",
			"#a"}, {"location", "", ""},
		{"location", "mailto:a@b", "mailto:a@b"}, {"location", "https:/a", "https:/a"}, {"location",
			"ftp://api.example.com/a", "ftp://api.example.com/a"},
		{"set-cookie", "a=1; Path=/login; Secure", "a=1; Path=/v1/login; Secure"}, {"set-cookie", "a=1;path=/login",
			"a=1;path=/v1/login"},
		{"set-cookie", "a=1; PATH = /login ; x", "a=1; PATH = /v1/login ; x"}, {"set-cookie", "a=1; Path=/v1/login",
			"a=1; Path=/v1/login"},
		{"set-cookie", "a=1; Path=/v1; HttpOnly", "a=1; Path=/v1; HttpOnly"}, {"set-cookie", "a=1; Path=/v1beta",
			"a=1; Path=/v1/v1beta"},
		{"set-cookie", "a=1; Path=/", "a=1; Path=/"}, {"set-cookie", "a=1", "a=1"}, {"set-cookie", "a=1; Path=",
			"a=1; Path="}, {"set-cookie", "a=1; Path=x", "a=1; Path=x"},
		{"set-cookie", "path=/x; Secure", "path=/x; Secure"}, {"set-cookie", "a=1; Path=/a; Path=/b",
			"a=1; Path=/a; Path=/v1/b"}, {"set-cookie", "a=1; Path=/a; Path=/", "a=1; Path=/a; Path=/"},
		{"link", "</a>; rel=next", "</a>; rel=next"}, {"content-location", "/a", "/a"},
	}
	for _, row := range rows {
		for prefix, want := range map[string]string{"/v1": row.want, "": row.value} {
			var e Encoder
			r := Response{Status: 302, Fields: fields(row.name + ": " + row.value), Prefix: []byte(prefix),
				Host: []byte(host)}
			e.collect(&r)
			if got := string(e.fields[0].Value); got != want {
				t.Errorf("%s %q below %q is %q, want %q", row.name, row.value, prefix, got, want)
			}
		}
	}
	// Several fields, whose values share a buffer that grows.
	var e Encoder
	lines := []string{"location: /" + strings.Repeat("l", 300)}
	for range 50 {
		lines = append(lines, "set-cookie: a=1; Path=/"+strings.Repeat("c", 200))
	}
	body := Text("x")
	out, err := e.Encode(events["v1"], &Response{Status: 302, Fields: fields(lines...), Length: 1, Body: &body,
		Prefix: []byte("/v1"), Host: []byte(host)}, false)
	var got envelope
	if err != nil || json.Unmarshal(out, &got) != nil {
		t.Fatal(err)
	}
	if location := got.Multi["location"][0]; location != "/v1"+lines[0][len("location: "):] {
		t.Errorf("location %q", location)
	}
	for _, cookie := range got.Multi["set-cookie"] {
		if cookie != "a=1; Path=/v1/"+strings.Repeat("c", 200) {
			t.Errorf("cookie %q", cookie)
		}
	}
}

// FuzzBelowPrefix: what is inserted is the prefix, once, and nothing else is changed; a value that has it stays.
func FuzzBelowPrefix(f *testing.F) {
	f.Add("https://api.example.com/a", true)
	f.Add("a=1; Path=/x; Secure", false)
	f.Fuzz(func(t *testing.T, value string, location bool) {
		name := "set-cookie"
		if location {
			name = "location"
		}
		r := Response{Prefix: []byte("/v1"), Host: []byte("api.example.com")}
		var e Encoder
		once := bytes.Clone(e.belowPrefix(&r, http1.Field{Name: []byte(name), Value: []byte(value)}))
		twice := e.belowPrefix(&r, http1.Field{Name: []byte(name), Value: once})
		if !bytes.Equal(once, twice) {
			t.Fatalf("%q, then %q, then %q", value, once, twice)
		}
		if string(once) != value && strings.Replace(string(once), "/v1", "", 1) != value &&
			strings.Replace(string(once), "/v1/", "", 1) != value {
			t.Fatalf("%q became %q", value, once)
		}
	})
}
