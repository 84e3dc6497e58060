package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// request is one kind of request with what its answer must be.
type request struct {
	kind, method, path string
	body               []byte
	status             int
	right              func(header http.Header, body []byte) bool
}

// serverError is the documented answer of API Gateway when the function's process ends during the request.
const serverError = `{"message": "Internal server error"}`

// choose picks a request: small or large, either way, slow, without a body.
func choose(random *rand.Rand) request {
	switch n := random.IntN(100); {
	case n < 35:
		path := fmt.Sprintf("/caf%%C3%%A9/%d", random.IntN(1_000_000))
		return request{"small", "GET", path + "?a=1&a=2", nil, 200, func(_ http.Header, body []byte) bool {
			var seen struct{ Path, Query string }
			return json.Unmarshal(body, &seen) == nil && seen.Path == strings.Replace(path, "%C3%A9", "é", 1) &&
				seen.Query == "a=1&a=2"
		}}
	case n < 60:
		return echo("echo", bytesOf(random, 1+random.IntN(64<<10)))
	case n < 65:
		return echo("large up and down", bytesOf(random, 1<<20+random.IntN(2<<20)))
	case n < 72:
		size := (1 + random.IntN(4)) << 20
		return request{"large down", "GET", "/large?n=" + strconv.Itoa(size), nil, 200, func(_ http.Header,
			body []byte) bool {
			return len(body) == size && body[5] == 35 && body[size-1] == 255*7%256
		}}
	case n < 80:
		seconds := strconv.FormatFloat(random.Float64()/2, 'f', 3, 64)
		return request{"slow", "GET", "/slow?seconds=" + seconds, nil, 200, func(_ http.Header,
			body []byte) bool {
			return len(body) > 0
		}}
	case n < 90:
		return request{"HEAD", "HEAD", "/cookies", nil, 200, func(header http.Header, body []byte) bool {
			return len(body) == 0 && len(header.Values("Set-Cookie")) == 2
		}}
	default:
		return request{"204", "GET", "/empty", nil, 204, func(header http.Header, body []byte) bool {
			return len(body) == 0 && header.Get("X-Empty") != ""
		}}
	}
}

func echo(kind string, content []byte) request {
	return request{kind, "POST", "/bytes", content, 200, func(_ http.Header,
		body []byte) bool {
		return bytes.Equal(body, content)
	}}
}

func bytesOf(random *rand.Rand, n int) []byte {
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return content
}

// send is one client.
func (r *run) send(ctx context.Context, random *rand.Rand) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		q := choose(random)
		began := time.Now()
		status, header, body, err := q.do(client, r.URL)
		switch {
		case err != nil:
			r.wrong("%s %s was not answered: %v", q.method, q.path, err)
		case status == q.status && q.right(header, body):
			r.count(q.kind)
			r.right.Add(1)
		case status == http.StatusBadGateway && (string(body) == serverError || q.method == "HEAD") &&
			r.kills.between(began, time.Now()):
			r.count("502 for a process that was killed")
		default:
			r.wrong("%s %s was answered after %s with %d and %d bytes: %.200q\n%s", q.method, q.path,
				time.Since(began), status, len(body), body,
				r.recent.troubles(began.Add(-time.Second)))
		}
	}
}

func (q request) do(client *http.Client, url string) (int, http.Header, []byte, error) {
	message, err := http.NewRequest(q.method, url+q.path, bytes.NewReader(q.body))
	if err != nil {
		return 0, nil, nil, err
	}
	answer, err := client.Do(message)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, body, err
}
