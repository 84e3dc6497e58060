package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// app is the web app. Hooks are the paths that are posted to before a snapshot and after a restore.
type app struct {
	version  string
	instance string // of this process
	requests atomic.Int64
	hooks    hooks
	clock    *clock
}

type hooks struct {
	before, after atomic.Int64
}

func newApp(version string) *app {
	var id [8]byte
	rand.Read(id[:]) // never fails
	return &app{version: version, instance: hex.EncodeToString(id[:]), clock: newClock()}
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := a.requests.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	if a.hook(w, r) {
		return
	}
	do := orders(r, body)
	if !obey(w, do) {
		return
	}
	for _, line := range do["header"] {
		name, value, _ := strings.Cut(line, ":")
		w.Header().Add(name, value)
	}
	switch status := whole(do, "status", http.StatusOK); {
	case do.Has("stream"):
		stream(w, do, status)
	case do.Has("body"), do.Has("bytes"), do.Has("octets"):
		w.WriteHeader(status)
		w.Write(content(do))
	default:
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(a.report(r, body, number, do))
	}
}

// orders are what the request tells the app to do.
func orders(r *http.Request, body []byte) url.Values {
	text := r.Header.Get("X-Verify")
	if text == "" && len(body) > 0 && body[0] == '{' {
		var event struct{ Verify string }
		json.Unmarshal(body, &event) // a body that is none tells nothing
		text = event.Verify
	}
	do, err := url.ParseQuery(text)
	if err != nil {
		fmt.Println("app: cannot read", text, err)
	}
	return do
}

// obey does what comes before an answer, and says whether there is one.
func obey(w http.ResponseWriter, do url.Values) bool {
	if do.Has("log") {
		fmt.Println(do.Get("log"))
	}
	if do.Has("keep") {
		if err := os.WriteFile(filepath.Join("/tmp", filepath.Base(do.Get("keep"))), nil, 0o600); err != nil {
			fmt.Println("app:", err)
		}
	}
	if do.Has("sleep") {
		time.Sleep(duration(do, "sleep", 0))
		fmt.Println(do.Get("then"))
	}
	if do.Has("allocate") {
		allocate(whole(do, "allocate", 0))
	}
	if do.Has("exit") {
		os.Exit(whole(do, "exit", 1))
	}
	if do.Has("break") && !do.Has("stream") {
		panic(http.ErrAbortHandler)
	}
	return true
}

// allocate takes memory and touches each page of it.
func allocate(megabytes int) {
	for range megabytes {
		kept = append(kept, make([]byte, 1<<20))
		piece := kept[len(kept)-1]
		for at := 0; at < len(piece); at += 4096 {
			piece[at] = 1
		}
	}
	kept = nil
}

var kept [][]byte

// content is a body of the wanted text or size.
func content(do url.Values) []byte {
	switch {
	case do.Has("octets"):
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		return all
	case do.Has("bytes"):
		return []byte(strings.Repeat("a", whole(do, "bytes", 0)))
	}
	return []byte(do.Get("body"))
}

// stream sends pieces as they are due.
func stream(w http.ResponseWriter, do url.Values, status int) {
	for _, line := range do["trailer"] {
		name, _, _ := strings.Cut(line, ":")
		w.Header().Add("Trailer", name)
	}
	flow := http.NewResponseController(w)
	w.WriteHeader(status)
	flow.Flush()
	for n := range whole(do, "stream", 0) {
		if n > 0 {
			time.Sleep(duration(do, "every", 0))
		}
		if do.Has("break") && n == whole(do, "break", 0) {
			panic(http.ErrAbortHandler)
		}
		piece := "piece " + strconv.Itoa(n) + "\n"
		if size := whole(do, "bytes", 0); size > 0 {
			piece = strings.Repeat("a", size)
		}
		if _, err := io.WriteString(w, piece); err != nil {
			fmt.Println("app: the stream ended early:", err)
			return
		}
		flow.Flush()
	}
	for _, line := range do["trailer"] {
		name, value, _ := strings.Cut(line, ":")
		w.Header().Set(name, value)
	}
	if do.Has("then") {
		fmt.Println(do.Get("then"))
	}
}

func whole(do url.Values, name string, otherwise int) int {
	if n, err := strconv.Atoi(do.Get(name)); err == nil {
		return n
	}
	return otherwise
}

func duration(do url.Values, name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(do.Get(name)); err == nil {
		return d
	}
	return otherwise
}
