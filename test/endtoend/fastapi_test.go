package endtoend

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFastAPI(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{Name: "fastapi", Environment: map[string]string{"UPLOAD_FOLDER": files(t)}})
	fastAPI.check(t, b.stage.String())
	for name, run := range map[string]func(*testing.T, *browser){
		"the documentation's page finds the API": checkDocumentation,
		"a form's answer leads to what it made":  checkNewItem,
		"events arrive one by one":               checkEvents,
		"a WebSocket is refused":                 checkWebSocket,
	} {
		t.Run(name, func(t *testing.T) { run(t, newBrowser(t, b.stage.String())) })
	}
}

// An app with one prefix needs no middleware, and hears of none.
func TestFastAPIRootPath(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{
		Name: "fastapi", Environment: map[string]string{"UVICORN_ROOT_PATH": "/v1"},
		Settings: map[string]string{"forwardedPrefix": "off"},
	})
	checkDocumentation(t, b)
	checkNewItem(t, b)
	fastAPI.checkLinks(t, b)
	fastAPI.checkAbsolute(t, b)
}

var fastAPI = expectations{
	page:     "/",
	missing:  "/nowhere",
	broken:   "/broken",
	file:     "/static/style.css",
	unicode:  "/about/größe/日本",
	absolute: "/about/me",
	client:   "/about/me",
	upload:   &uploadForm{path: "/files/", field: "file", download: "/files/"},
}

// The page loads the description of the API from an address it builds, and the description says where the API is.
func checkDocumentation(t *testing.T, b *browser) {
	page := b.get("/docs").want(200)
	match := regexp.MustCompile(`url: '([^']+)'`).FindSubmatch(page.body)
	if match == nil {
		t.Fatalf("the page names no description: %s", page.body)
	}
	description := b.get(page.below(string(match[1]))).want(200)
	var document struct {
		Servers []struct{ URL string }
		Paths   map[string]any
	}
	if err := json.Unmarshal(description.body, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Servers) != 1 || document.Paths["/items/{number}"] == nil {
		t.Fatalf("servers %v, paths %v", document.Servers, document.Paths)
	}
	b.get(page.below(document.Servers[0].URL+"/items/1")).want(200, "Hammer")
}

func checkNewItem(t *testing.T, b *browser) {
	made := b.send("POST", "/items/", []byte(`{"name":"Säge","price":12}`), "Content-Type", "application/json")
	made.follow().want(200, "Säge")
	// The router adds a missing slash by a redirect of its own.
	if got, want := b.send("POST", "/items", []byte(`{}`)).location(), b.stage.String()+"/items/"; got != want {
		t.Errorf("the redirect leads to %s, want %s", got, want)
	}
}

// Each event says when it was sent: before the next one was, it is here.
func checkEvents(t *testing.T, b *browser) {
	response := b.open("GET", "/ticks", nil)
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Fatalf("status %d, type %q", response.StatusCode, got)
	}
	var received []time.Time
	var sent []float64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		var tick struct {
			Number int
			Sent   float64
		}
		if err := json.Unmarshal([]byte(data), &tick); err != nil || tick.Number != len(received) {
			t.Fatalf("event %d is %s (%v)", len(received), data, err)
		}
		received, sent = append(received, time.Now()), append(sent, tick.Sent)
	}
	if len(received) != 4 {
		t.Fatalf("%d events, want 4", len(received))
	}
	for i := range received[:3] {
		if next := time.UnixMicro(int64(sent[i+1] * 1e6)); !received[i].Before(next) {
			t.Errorf("event %d came %s after the next one was sent", i, received[i].Sub(next))
		}
	}
}

// A REST API takes Upgrade and Connection out of a request, so the app sees an ordinary GET for a path that has none.
func checkWebSocket(t *testing.T, b *browser) {
	b.get("/ws", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-Websocket-Version", "13",
		"Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").want(http.StatusNotFound, "Not Found")
}

// Between requests an environment stands still, and so does what a response left to be done. It goes on while the next
// request is served: with luck, if there is one.
func TestFastAPIBackground(t *testing.T) {
	needsPython(t)
	_, b := start(t, Example{Name: "fastapi", Freeze: true})
	count := func() int {
		var sent []string
		if err := json.Unmarshal(b.get("/notifications").want(200).body, &sent); err != nil {
			t.Fatal(err)
		}
		return len(sent)
	}
	b.send("POST", "/send-notification/"+url.PathEscape("me@example.com"), nil).want(200)
	<-time.After(2 * time.Second) // the task is done by then on a machine that goes on
	if n := count(); n >= 10 {
		t.Errorf("the task had made %d steps of 10 when the next request came, though the environment was frozen", n)
	}
	for limit := time.Now().Add(time.Minute); count() < 10; {
		if time.Now().After(limit) {
			t.Fatal("the task is not done after a minute of requests")
		}
	}
}
