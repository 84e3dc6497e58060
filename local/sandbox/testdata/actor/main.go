// Command actor plays an app, a custom runtime or an extension in the tests of package sandbox. Its
// script is its arguments, or, when it is started as an extension and has none, the environment
// variable ACTOR_<name>, steps separated by ";".
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	name = filepath.Base(os.Args[0])
	api  = os.Getenv("AWS_LAMBDA_RUNTIME_API")
	id   string // of the registered extension
)

func main() {
	steps := os.Args[1:]
	if len(steps) == 0 {
		script := os.Getenv("ACTOR_" + strings.ReplaceAll(name, "-", "_"))
		steps = strings.Split(script, ";")
	}
	for _, step := range steps {
		words := strings.Fields(step)
		if len(words) == 0 {
			continue
		}
		play(words[0], words[1:])
	}
}

// silent drops what is said.
var silent bool

func say(format string, args ...any) {
	if silent {
		return
	}
	fmt.Printf(name+": "+format+"\n", args...)
}

func play(verb string, args []string) {
	arg := strings.Join(args, " ")
	switch verb {
	case "say":
		say("%s", arg)
	case "pid":
		say("pid %d", os.Getpid())
	case "exit":
		code := 0
		fmt.Sscan(arg, &code)
		os.Exit(code)
	case "exits": // after a step
		play(args[0], args[1:])
		os.Exit(1)
	case "block":
		select {}
	case "once": // stop here unless the file exists already
		if _, err := os.Stat(args[0]); err != nil {
			os.WriteFile(args[0], nil, 0o600)
			play(args[1], args[2:])
		}
	case "nth": // N FILE STEP: only in the nth process that comes by
		if strconv.Itoa(count(args[1])) == args[0] {
			play(args[2], args[3:])
		}
	case "gate":
		gate(arg)
	case "term":
		term(arg)
	case "spawn":
		spawn(arg)
	case "env":
		env(args)
	case "hang": // instead of ending with SHUTDOWN
		hangs = true
	case "silently":
		silent = true
		play(args[0], args[1:])
		silent = false
	case "listen":
		listen(arg)
	case "connect":
		connect()
	case "register":
		register(args)
	case "event":
		event()
	case "events":
		events(args)
	case "call":
		call(args)
	case "probe":
		probe(args)
	case "serve":
		serve()
	case "front":
		front()
	default:
		say("unknown step %s", verb)
		os.Exit(99)
	}
}

// count adds a process to a file and returns how many came by.
func count(file string) int {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		say("%v", err)
		return 0
	}
	defer f.Close()
	f.WriteString("x")
	info, _ := f.Stat()
	return int(info.Size())
}

// env says all variables, or those that are named.
func env(names []string) {
	for _, variable := range os.Environ() {
		if key, _, _ := strings.Cut(variable, "="); len(names) == 0 || slices.Contains(names, key) {
			say("env %s", variable)
		}
	}
}

// gate tells the test that it came here and waits until the test lets it go on.
func gate(which string) {
	answer, err := http.Get(os.Getenv("GATES") + "/" + which)
	if err == nil {
		answer.Body.Close()
	}
}

// term decides what SIGTERM does: "exit" says so and exits, "ignore" says so and stays.
func term(what string) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		for range signals {
			say("got SIGTERM")
			if what == "exit" {
				os.Exit(0)
			}
		}
	}()
}

// spawn starts a child that outlives its parent: "same" in the same group, "own" in its own session,
// "telling" in the same group and it says when it gets SIGTERM.
func spawn(where string) {
	trap := "''"
	if where == "telling" {
		trap = "'echo child: got SIGTERM; exit'"
	}
	cmd := exec.Command("/bin/sh", "-c", "trap "+trap+
		" TERM; echo child pid $$; echo >&3; exec 3>&-; while :; do sleep 1000 & wait; done")
	ready, w, _ := os.Pipe()
	cmd.Stdout, cmd.ExtraFiles = os.Stdout, []*os.File{w}
	if where == "own" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	cmd.Start()
	w.Close()
	ready.Read(make([]byte, 1)) // the trap is set
	ready.Close()
}

// listen is a web app: on PORT, or on a fixed port.
func listen(port string) {
	if port == "" {
		port = os.Getenv("PORT")
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		say("%v", err)
		os.Exit(1)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if which := r.URL.Query().Get("gate"); which != "" {
			gate(which)
		}
		fmt.Fprintf(w, "from port %s", port)
	}))
}

// connect waits until the app listens on AWS_LWA_PORT.
func connect() {
	for {
		c, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("AWS_LWA_PORT"))
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func request(method, path string, header map[string]string, body string) (*http.Response, string) {
	r, _ := http.NewRequest(method, "http://"+api+path, strings.NewReader(body))
	for key, value := range header {
		r.Header.Set(key, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		say("%s %s: %v", method, path, err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer answer.Body.Close()
	content, _ := io.ReadAll(answer.Body)
	return answer, string(content)
}

// call makes any call and says the answer: METHOD PATH [Header:value ...] [body].
func call(args []string) {
	header, body := map[string]string{}, ""
	for _, arg := range args[2:] {
		if key, value, found := strings.Cut(arg, ":"); found && !strings.ContainsAny(arg[:1], "{[\"") {
			header[key] = strings.ReplaceAll(value, "$ID", id)
		} else {
			body += arg
		}
	}
	answer, content := request(args[0], args[1], header, body)
	say("%s %s -> %d %s", args[0], args[1], answer.StatusCode, strings.TrimSpace(content))
}

// probe makes a call as call does, with $SIZE:n as a body of n bytes, and says everything that comes back.
func probe(args []string) {
	header, body := map[string]string{}, ""
	for _, arg := range args[2:] {
		if text, found := strings.CutPrefix(arg, "$SIZE:"); found {
			size := 0
			fmt.Sscan(text, &size)
			body = strings.Repeat("x", size)
		} else if key, value, found := strings.Cut(arg, ":"); found && !strings.ContainsAny(arg[:1], "{[\"") {
			header[key] = strings.ReplaceAll(value, "$ID", id)
		} else {
			body += arg
		}
	}
	answer, content := request(args[0], args[1], header, body)
	if given := answer.Header.Get("Lambda-Extension-Identifier"); given != "" {
		id = given
	}
	say("probe %s %s -> %d", args[0], args[1], answer.StatusCode)
	for _, key := range slices.Sorted(maps.Keys(answer.Header)) {
		if key != "Date" && key != "Content-Length" {
			say("  %s: %s", key, strings.Join(answer.Header[key], " | "))
		}
	}
	say("  %q", content)
}

func register(eventTypes []string) {
	if eventTypes == nil {
		eventTypes = []string{}
	}
	list, _ := json.Marshal(map[string][]string{"events": eventTypes})
	answer, content := request("POST", "/2020-01-01/extension/register",
		map[string]string{"Lambda-Extension-Name": name}, string(list))
	id = answer.Header.Get("Lambda-Extension-Identifier")
	say("registered %d %s", answer.StatusCode, strings.TrimSpace(content))
}

// event asks for one event. With no event subscribed it never returns.
func event() {
	answer, content := request("GET", "/2020-01-01/extension/event/next",
		map[string]string{"Lambda-Extension-Identifier": id}, "")
	say("event %d %s", answer.StatusCode, content)
	switch {
	case strings.Contains(content, "SHUTDOWN") && hangs:
		select {}
	case strings.Contains(content, "SHUTDOWN"):
		os.Exit(0)
	}
}

var hangs bool

// events asks for events; between two it passes a gate, if one is named. "background" does not wait.
func events(args []string) {
	loop := func(which string) {
		for {
			event()
			if which != "" {
				gate(which)
			}
		}
	}
	switch {
	case len(args) > 0 && args[0] == "background":
		go loop("")
	case len(args) > 0 && args[0] == "quietly": // in the background, and nothing is said of them
		go func() {
			for {
				request("GET", "/2020-01-01/extension/event/next",
					map[string]string{"Lambda-Extension-Identifier": id}, "")
			}
		}()
	case len(args) > 0:
		loop(args[0])
	default:
		loop("")
	}
}

// next polls for an invocation on a connection of its own.
func next() (*http.Response, []byte) {
	answer, content := request("GET", "/2018-06-01/runtime/invocation/next", nil, "")
	if answer.StatusCode != 200 {
		say("next %d %s", answer.StatusCode, content)
		os.Exit(98)
	}
	return answer, []byte(content)
}

func invocation(requestID, verb string) string {
	return "/2018-06-01/runtime/invocation/" + requestID + "/" + verb
}

// serve is a runtime whose events say what it does.
func serve() {
	for {
		answer, content := next()
		var todo struct {
			Do    string
			Arg   string
			Size  int
			Gates []string
		}
		json.Unmarshal(content, &todo)
		obey(answer, content, todo.Do, todo.Arg, todo.Size, todo.Gates)
	}
}

func obey(answer *http.Response, content []byte, do, arg string, size int, gates []string) {
	requestID := answer.Header.Get("Lambda-Runtime-Aws-Request-Id")
	respond := func(body string) {
		reply, text := request("POST", invocation(requestID, "response"),
			map[string]string{"Lambda-Runtime-Invocation-Id": answer.Header.Get("Lambda-Runtime-Invocation-Id")}, body)
		if do != "" {
			say("response -> %d %s", reply.StatusCode, strings.TrimSpace(text))
		}
	}
	switch do {
	case "probes": // one after the other; $REQUEST is the invocation's
		for step := range strings.SplitSeq(strings.ReplaceAll(arg, "$REQUEST", requestID), ";") {
			words := strings.Fields(step)
			play(words[0], words[1:])
		}
	case "headers":
		list, _ := json.Marshal(answer.Header)
		respond(string(list))
	case "error":
		request("POST", invocation(requestID, "error"),
			map[string]string{"Lambda-Runtime-Function-Error-Type": "Function.Broken"}, arg)
	case "step", "stepAndRespond":
		words := strings.Fields(arg)
		play(words[0], words[1:])
		if do == "stepAndRespond" {
			respond("done")
		}
	case "respondAndStep":
		respond("done")
		words := strings.Fields(arg)
		play(words[0], words[1:])
	case "again":
		_, second := next()
		respond(string(second))
	case "foreign":
		reply, text := request("POST", invocation("11111111-2222-4333-8444-555555555555", "response"), nil, "x")
		say("foreign -> %d %s", reply.StatusCode, strings.TrimSpace(text))
		respond("own")
	case "staleRun":
		reply, text := request("POST", invocation(requestID, "response"),
			map[string]string{"Lambda-Runtime-Invocation-Id": "x"}, "x")
		say("stale -> %d %s", reply.StatusCode, strings.TrimSpace(text))
		respond("own")
	case "mode":
		reply, text := request("POST", invocation(requestID, "response"),
			map[string]string{"Lambda-Runtime-Function-Response-Mode": arg}, "x")
		say("mode -> %d %s", reply.StatusCode, strings.TrimSpace(text))
		respond("own")
	case "twice":
		respond("first")
		respond("second")
	case "big":
		respond(strings.Repeat("x", size))
	case "truncate":
		raw(requestID, "Content-Length: 100\r\n\r\nhalf")
	case "truncateChunked":
		raw(requestID, "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	case "stream":
		stream(requestID, gates, arg)
	default:
		respond(string(content))
	}
}

// raw posts the beginning of a response and closes the connection.
func raw(requestID, rest string) {
	c, _ := net.Dial("tcp", api)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n%s", invocation(requestID, "response"), rest)
	c.(*net.TCPConn).CloseWrite()
	answer, err := bufio.NewReader(c).ReadString('\n')
	say("truncated -> %s %v", strings.TrimSpace(answer), err)
	c.Close()
}

// stream sends one chunk per gate; "fail" ends it with error trailers, "plain" leaves out the mode.
func stream(requestID string, gates []string, how string) {
	c, _ := net.Dial("tcp", api)
	defer c.Close()
	fmt.Fprintf(c,
		"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"+
			"Content-Type: application/vnd.awslambda.http-integration-response\r\n", invocation(requestID, "response"))
	if !strings.Contains(how, "plain") {
		io.WriteString(c, "Lambda-Runtime-Function-Response-Mode: streaming\r\n")
	}
	io.WriteString(c, "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n")
	for _, which := range gates {
		fmt.Fprintf(c, "%x\r\n%s\r\n", len(which), which)
		gate(which)
	}
	io.WriteString(c, "0\r\n")
	if strings.Contains(how, "fail") {
		document := base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"late"}`))
		fmt.Fprintf(c,
			"Lambda-Runtime-Function-Error-Type: Function.Late\r\nLambda-Runtime-Function-Error-Body: %s\r\n", document)
	}
	io.WriteString(c, "\r\n")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	say("streamed -> %s", strings.TrimSpace(answer))
}

// front does what a web adapter does: one request to the app per event.
func front() {
	for {
		answer, content := next()
		requestID := answer.Header.Get("Lambda-Runtime-Aws-Request-Id")
		reply, err := http.Get("http://127.0.0.1:" + os.Getenv("AWS_LWA_PORT") + "/?gate=" +
			string(bytes.Trim(content, `"`)))
		if err != nil {
			request("POST", invocation(requestID, "error"), nil, err.Error())
			continue
		}
		body, _ := io.ReadAll(reply.Body)
		reply.Body.Close()
		request("POST", invocation(requestID, "response"), nil, string(body))
	}
}
