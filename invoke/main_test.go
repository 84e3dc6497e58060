package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seen is what a server got.
type seen struct {
	method, target, host, body string
	header                     http.Header
}

// recorder is a server that answers with a status and keeps what it got.
func recorder(t *testing.T, status int) (url string, got *seen) {
	t.Helper()
	got = &seen{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = seen{r.Method, r.RequestURI, r.Host, string(body), r.Header}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, "the answer")
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func TestExitCodes(t *testing.T) {
	signIn(t, "AKIDEXAMPLE", "secret", "")
	for status, want := range map[int]int{200: 0, 204: 0, 299: 0, 301: 3, 304: 3, 400: 4, 403: 4, 404: 4, 429: 4,
		500: 5, 502: 5, 504: 5} {
		url, got := recorder(t, status)
		code, stdout, _ := invoked(t, "", "-region", "eu-central-1", url+"/here")
		if code != want || got.target != "/here" {
			t.Errorf("status %d: exit code %d, want %d; the last request was for %s", status, code, want, got.target)
		}
		if status != 204 && status != 304 && stdout != "the answer" {
			t.Errorf("status %d: stdout %q", status, stdout)
		}
	}
}

func TestRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("\x00from the file\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct {
		args   []string // URL stands for the server's
		stdin  string
		method string
		target string
		body   string
		header [2]string
	}{
		"a URL alone":         {args: []string{"URL"}, method: "GET", target: "/"},
		"a path":              {args: []string{"URL/a/b"}, method: "GET", target: "/a/b"},
		"flags after the URL": {args: []string{"URL/a", "-X", "PUT"}, method: "PUT", target: "/a"},
		"data make it a POST": {args: []string{"-d", "a=b", "URL"}, method: "POST", target: "/", body: "a=b",
			header: [2]string{"Content-Type", form}},
		"an object is JSON": {args: []string{"-d", ` {"a":1}`, "URL"}, method: "POST", target: "/",
			body: ` {"a":1}`, header: [2]string{"Content-Type", json}},
		"a list is JSON": {args: []string{"-d", `[1]`, "URL"}, method: "POST", target: "/", body: `[1]`,
			header: [2]string{"Content-Type", json}},
		"half an object is not": {args: []string{"-d", `{"a"`, "URL"}, method: "POST", target: "/", body: `{"a"`,
			header: [2]string{"Content-Type", form}},
		"a type of one's own": {args: []string{"-d", `{}`, "-H", "content-type: text/plain", "URL"},
			method: "POST", target: "/", body: `{}`, header: [2]string{"Content-Type", "text/plain"}},
		"empty data": {args: []string{"-d", "", "URL"}, method: "POST", target: "/",
			header: [2]string{"Content-Type", form}},
		"a file": {args: []string{"-d", "@" + file, "URL"}, method: "POST", target: "/",
			body: "\x00from the file\xff"},
		"stdin": {args: []string{"-d", "@-", "URL"}, stdin: "typed", method: "POST", target: "/",
			body: "typed"},
		"data and a method": {args: []string{"-X", "PATCH", "-d", "x", "URL"}, method: "PATCH", target: "/",
			body: "x"},
		"a header": {args: []string{"-H", "X-One: 1", "URL"}, method: "GET", target: "/",
			header: [2]string{"X-One", "1"}},
		"nothing is asked to zip": {args: []string{"URL"}, method: "GET", target: "/",
			header: [2]string{"Accept-Encoding", ""}},
		"the query keeps order": {args: []string{"URL/?b=2&a=1&b=1"}, method: "GET", target: "/?b=2&a=1&b=1"},
		"a space is %20":        {args: []string{"URL/?a=b+c"}, method: "GET", target: "/?a=b%20c"},
		"base and path":         {args: []string{"-base", "URL/v1", "/a?b=c"}, method: "GET", target: "/v1/a?b=c"},
		"base with a slash":     {args: []string{"-base", "URL/v1/", "a"}, method: "GET", target: "/v1/a"},
		"base alone":            {args: []string{"-base", "URL/v1"}, method: "GET", target: "/v1"},
		"base and query":        {args: []string{"-base", "URL/v1", "?a=b"}, method: "GET", target: "/v1?a=b"},
	} {
		t.Run(name, func(t *testing.T) {
			url, got := recorder(t, 200)
			args := []string{"-u"}
			for _, arg := range c.args {
				args = append(args, strings.ReplaceAll(arg, "URL", url))
			}
			code, _, stderr := invoked(t, c.stdin, args...)
			if code != 0 || got.method != c.method || got.target != c.target || got.body != c.body {
				t.Errorf("exit code %d (%s); the server got %q %q %q, want %q %q %q", code, stderr, got.method,
					got.target, got.body, c.method, c.target, c.body)
			}
			if name, want := c.header[0], c.header[1]; name != "" && got.header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
			}
			if got.header.Get("Authorization") != "" {
				t.Error("signed in spite of -u")
			}
		})
	}
}

// TestScope: what a request is signed for follows from the host name, unless a flag says otherwise.
func TestScope(t *testing.T) {
	signIn(t, "AKIDEXAMPLE", "secret", "")
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config,
		[]byte("[profile work]\nregion = ap-south-1\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_REGION", "us-east-1")
	for name, c := range map[string]struct {
		url  string
		args []string
		want string
	}{
		"API": {url: "https://a1.execute-api.eu-central-1.amazonaws.com/v1",
			want: "AKIDEXAMPLE eu-central-1 execute-api"},
		"API in China": {url: "https://a1.execute-api.cn-north-1.amazonaws.com.cn/v1",
			want: "AKIDEXAMPLE cn-north-1 execute-api"},
		"API, GovCloud": {url: "https://a1.execute-api.us-gov-west-1.amazonaws.com/v1",
			want: "AKIDEXAMPLE us-gov-west-1 execute-api"},
		"private API": {url: "https://a1-vpce-0f.execute-api.eu-west-3.amazonaws.com/v1",
			want: "AKIDEXAMPLE eu-west-3 execute-api"},
		"VPC endpoint": {url: "https://vpce-0f-1.execute-api.eu-west-3.vpce.amazonaws.com/v1",
			want: "AKIDEXAMPLE eu-west-3 execute-api"},
		"function URL": {url: "https://abc.lambda-url.eu-north-1.on.aws/",
			want: "AKIDEXAMPLE eu-north-1 lambda"},
		"port": {url: "https://a1.execute-api.eu-central-1.amazonaws.com:443/v1",
			want: "AKIDEXAMPLE eu-central-1 execute-api"},
		"local":                 {url: "http://127.0.0.1:3000/v1", want: "AKIDEXAMPLE us-east-1 execute-api"},
		"a domain of one's own": {url: "https://api.example.com/", want: "AKIDEXAMPLE us-east-1 execute-api"},
		"region": {url: "https://api.example.com/", args: []string{"-region", "eu-west-1"},
			want: "AKIDEXAMPLE eu-west-1 execute-api"},
		"region against URL": {url: "https://a1.execute-api.eu-central-1.amazonaws.com/", args: []string{"-region",
			"eu-west-1"}, want: "AKIDEXAMPLE eu-west-1 execute-api"},
		"service": {url: "https://api.example.com/", args: []string{"-service", "lambda"},
			want: "AKIDEXAMPLE us-east-1 lambda"},
		// AWS_REGION goes before the profile's region, as in every AWS tool; keys in the environment do not.
		"profile": {url: "https://api.example.com/", args: []string{"-profile", "work"},
			want: "AKIDWORK us-east-1 execute-api"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := readOptions(append(c.args, c.url), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			call, err := o.request(strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.authenticate(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			_, credential, _ := strings.Cut(call.Header.Get("Authorization"), "Credential=")
			scope := strings.Split(credential, "/")
			if got := fmt.Sprint(scope[0], " ", scope[2], " ", scope[3]); got != c.want {
				t.Errorf("signed for %s, want %s", got, c.want)
			}
		})
	}
}

// TestRole: a profile that takes on a role needs no region of its own; the URL has one.
func TestRole(t *testing.T) {
	signIn(t, "", "", "")
	var asked string
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = string(body) + " " + r.Header.Get("Authorization")
		fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token</SessionToken>`+
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	t.Cleanup(sts.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := "[profile me]\naws_access_key_id = AKIDME\naws_secret_access_key = x\n" +
		"[profile deployer]\nrole_arn = arn:aws:iam::123456789012:role/deployer\nsource_profile = me\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_PROFILE", "deployer")
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	o, err := readOptions([]string{"https://a1.execute-api.eu-central-1.amazonaws.com/v1"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	call, err := o.request(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.authenticate(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if got := call.Header.Get("Authorization"); !strings.Contains(got, "Credential=ASIAROLE/") ||
		call.Header.Get("X-Amz-Security-Token") != "token" {
		t.Errorf("signed with %q", got)
	}
	if !strings.Contains(asked, "role%2Fdeployer") || !strings.Contains(asked, "AKIDME/") || !strings.Contains(asked,
		"/eu-central-1/sts/") {
		t.Errorf("STS was asked %q", asked)
	}
}

// TestMistakes: each is a sentence that says what to use instead, and nothing is sent.
func TestMistakes(t *testing.T) {
	signIn(t, "", "", "")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no URL":          {nil, "there is no URL"},
		"two URLs":        {[]string{"http://a/", "http://b/"}, "more than one URL: http://a/ and http://b/"},
		"not a URL":       {[]string{"localhost:3000"}, `"localhost:3000" is not a URL`},
		"a path alone":    {[]string{"/api"}, `"/api" is not a URL`},
		"another scheme":  {[]string{"ftp://a/"}, "is not a URL"},
		"a user":          {[]string{"https://me:secret@a/"}, "a signature takes the place"},
		"unknown flag":    {[]string{"-nope", "http://a/"}, "-h lists the flags"},
		"a header":        {[]string{"-H", "nonsense", "http://a/"}, "use 'NAME: VALUE'"},
		"a header's name": {[]string{"-H", "a b: c", "http://a/"}, "use 'NAME: VALUE'"},
		"a header's end":  {[]string{"-H", "a: b\r\nc: d", "http://a/"}, "use 'NAME: VALUE'"},
		"Authorization":   {[]string{"-H", "Authorization: Basic x", "http://a/"}, "use -u"},
		"Content-Length": {[]string{"-H", "Content-Length: 3", "http://a/"},
			"Content-Length follows from the data"},
		"method":             {[]string{"-X", "A B", "http://a/"}, "is not a method"},
		"no such file":       {[]string{"-d", "@/does/not/exist", "http://a/"}, "read the body"},
		"timeout":            {[]string{"-timeout", "-1s", "http://a/"}, "use one such as 30s"},
		"no region":          {[]string{"http://a/"}, "use -region"},
		"no credentials":     {[]string{"-region", "eu-central-1", "http://a/"}, "aws sso login"},
		"no such profile":    {[]string{"-region", "eu-central-1", "-profile", "nope", "http://a/"}, "nope"},
		"a base that is not": {[]string{"-base", "nope", "/a"}, `"nope/a" is not a URL`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := invoked(t, "", c.args...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, want 2; stdout %q; stderr %q, want %q in it", code, stdout, stderr, c.want)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	signIn(t, "ASIAEXAMPLE", "secret", "token-nobody-should-see")
	t.Setenv("AWS_REGION", "eu-central-1")
	url, _ := recorder(t, 404)
	code, stdout, stderr := invoked(t, "", "-i", "-v", "-d", "body", url+"/a?b=c")
	if code != 4 {
		t.Errorf("exit code %d", code)
	}
	if !strings.HasPrefix(stdout, "HTTP/1.1 404 Not Found\nContent-Length: 10\n") || !strings.HasSuffix(stdout,
		"\n\nthe answer") {
		t.Errorf("stdout with -i:\n%s", stdout)
	}
	for _, want := range []string{"> POST /a?b=c\n> Host: 127.0.0.1:",
		"> Authorization: AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/", "> X-Amz-Security-Token: (left out)",
		"< HTTP/1.1 404 Not Found"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("-v does not show %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stdout+stderr, "token-nobody-should-see") {
		t.Error("a session token is shown")
	}
	if code, stdout, stderr := invoked(t, "", "-h"); code != 0 || stdout != "" || !strings.Contains(stderr,
		"Exit codes:") || !strings.Contains(stderr, "-region") {
		t.Errorf("-h: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// TestStreams: what has arrived is printed before the answer is complete.
func TestStreams(t *testing.T) {
	goOn := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "first\n")
		w.(http.Flusher).Flush()
		<-goOn
		fmt.Fprint(w, "second\n")
	}))
	t.Cleanup(server.Close)
	read, write := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"-u", server.URL}, strings.NewReader(""), write, io.Discard)
		write.Close()
	}()
	lines := bufio.NewScanner(read)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("read %q", lines.Text())
	}
	close(goOn)
	if !lines.Scan() || lines.Text() != "second" {
		t.Fatalf("read %q", lines.Text())
	}
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

func TestNoAnswer(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hang.Close)
	broken := brokenServer(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody listens":  {[]string{"http://127.0.0.1:1/"}, "call 127.0.0.1:1"},
		"no answer":       {[]string{"-timeout", "50ms", hang.URL}, "did not answer in the time of -timeout"},
		"half an answer":  {[]string{broken}, "the answer broke off after 4 bytes"},
		"half, with head": {[]string{"-i", broken}, "the answer broke off after 4 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := invoked(t, "", append([]string{"-u"}, c.args...)...)
			if code != 1 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, want 1; stderr %q, want %q in it", code, stderr, c.want)
			}
		})
	}
}

// brokenServer promises ten bytes and closes the connection after four.
func brokenServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				fmt.Fprint(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour")
			}
			connection.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}
