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

// A redirect to the app's own host over http, which is not served, keeps the client's scheme and never leads elsewhere.
func TestSecureRedirects(t *testing.T) {
	for _, row := range []struct{ value, bare, below string }{ // without a prefix, and with one
		{"http://api.example.com/login", "/login", "/v1/login"},
		{"HTTP://API.example.com:80/a?b#c", "/a?b#c", "/v1/a?b#c"},
		{"http://api.example.com/v1/login", "/v1/login", "/v1/login"},
		{"http://api.example.com", "/", "/v1/"}, {"http://api.example.com?a=b", "/?a=b", "/v1/?a=b"},
		{"http://api.example.com#a", "/#a", "/v1/#a"},
		{"https://api.example.com/login", "https://api.example.com/login", "https://api.example.com/v1/login"},
		{"/login", "/login", "/v1/login"}, {"//api.example.com/a", "//api.example.com/a", "//api.example.com/v1/a"},
		{"http://other.example.com/a", "http://other.example.com/a", "http://other.example.com/a"},
		{"http://api.example.com:8080/a", "http://api.example.com:8080/a", "http://api.example.com:8080/a"},
		{"http://api.example.com//evil/", "http://api.example.com//evil/", "/v1//evil/"},
		{`http://api.example.com/\evil/`, `http://api.example.com/\evil/`, `/v1/\evil/`},
		{`http://api.example.com\evil/`, `http://api.example.com\evil/`, `/v1/\evil/`},
		{"http://api.example.com/\t/evil/", "http://api.example.com/\t/evil/", "/v1/\t/evil/"},
		{"http:", "http:", "http:"}, {"http:/a", "http:/a", "http:/a"}, {"", "", ""},
	} {
		for prefix, want := range map[string]string{"": row.bare, "/v1": row.below} {
			var e Encoder
			r := Response{Status: 302, Fields: fields("location: " + row.value), Prefix: []byte(prefix),
				Host: []byte("api.example.com"), Secure: true}
			e.collect(&r)
			if got := string(e.fields[0].Value); got != want {
				t.Errorf("%q below %q is %q, want %q", row.value, prefix, got, want)
			}
		}
	}
	var e Encoder
	r := Response{Fields: fields("set-cookie: a=1; Path=/login"), Host: []byte("api.example.com"), Secure: true}
	if e.collect(&r); string(e.fields[0].Value) != "a=1; Path=/login" {
		t.Errorf("a cookie without a prefix became %q", e.fields[0].Value)
	}
}

// FuzzSecureRedirect: a redirect leads to the host that it led to, whatever browsers leave out of a URL.
func FuzzSecureRedirect(f *testing.F) {
	for _, rest := range []string{"/a", "", "?a", "//evil", `\\evil`, "/\t/evil", "#/"} {
		f.Add(rest, true)
		f.Add(rest, false)
	}
	f.Fuzz(func(t *testing.T, rest string, below bool) {
		r := Response{Host: []byte("api.example.com"), Secure: true}
		if below {
			r.Prefix = []byte("/v1")
		}
		value := "http://api.example.com" + rest
		var e Encoder
		got := string(e.belowPrefix(&r, http1.Field{Name: []byte("location"), Value: []byte(value)}))
		if got == value {
			return
		}
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got) // as browsers read it
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Fatalf("%q became %q", value, got)
		}
	})
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
