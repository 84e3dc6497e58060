package endtoend

import (
	"bufio"
	"net/url"
	"strings"
	"testing"
	"time"
)

// startRecipe starts an app of examples/recipes as its image.
func startRecipe(t *testing.T, name string) *browser {
	t.Helper()
	if mode(t) != "container" {
		t.Skip("the recipes are images: make test-examples MODE=container")
	}
	// The port is the one that the Dockerfile exposes.
	_, b := start(t, Example{Name: "recipes/" + name, Settings: map[string]string{"port": "auto"}})
	return b
}

// What each page says, what a form gets, and that a redirect stays below the stage.
func TestRecipes(t *testing.T) {
	for _, test := range []struct{ name, page string }{
		{"php", "Hello, PHP"}, {"sinatra", "Hello, Sinatra"}, {"bun", "Hello, Bun"}, {"sveltekit", "Hello, SvelteKit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			startRecipe(t, test.name).greet(test.page)
		})
	}
}

func (b *browser) greet(page string) {
	b.t.Helper()
	b.get("/").want(200, page)
	b.get("/?name=Zo%C3%AB").want(200, "Hello, Zoë")
	b.submit("/", url.Values{"name": {"Zoë & Ada"}}, "Accept", "text/html").want(200, "Hello, Zoë &amp; Ada")
	b.get("/old").follow().want(200)
}

// An MCP tool's progress arrives while it runs, and its result at the end.
func TestRecipeMCP(t *testing.T) {
	b := startRecipe(t, "mcp")
	headers := []string{"Content-Type", "application/json", "Accept", "application/json, text/event-stream"}
	b.send("POST", "/mcp", []byte(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":`+
		`"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`), headers...).
		want(200, `"name":"counter"`)
	answer := b.open("POST", "/mcp", []byte(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"count",`+
		`"arguments":{"to":5},"_meta":{"progressToken":"p"}}}`), headers...)
	defer answer.Body.Close()
	var first, last time.Time
	progress, result := 0, ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		switch text := lines.Text(); {
		case strings.Contains(text, "notifications/progress"):
			if progress++; first.IsZero() {
				first = time.Now()
			}
		case strings.Contains(text, "counted to"):
			last, result = time.Now(), text
		}
	}
	if progress != 5 || !strings.Contains(result, "counted to 5") {
		t.Errorf("status %d, %d times progress, result %q", answer.StatusCode, progress, result)
	}
	if wait := last.Sub(first); wait < 100*time.Millisecond { // the tool takes 100 ms a step
		t.Errorf("the progress came %s before the result: it was not streamed", wait)
	}
}
