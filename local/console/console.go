// Package console is the page of the local cloud: every invocation as it happens, in the browser, at /@/ beside the
// API. "@" is no legal stage name, so no app loses a path.
//
// The map: gateway and sandbox tell what happens in records, which store.go joins by the id of the invocation and
// keeps, bounded; feed.go sends what changes to the pages that are open (server-sent events); summary.go, detail.go,
// appmessages.go and timeline.go are what a page sees of an invocation, without the secrets that mask.go hides;
// replay.go and invoke.go send a request or an event; export.go and pasted.go write a request as a command or a test.
// guard.go decides who may ask. page/ is the page, plain HTML, CSS and JavaScript. The package knows of processes and
// HTTP events what the records say, and nothing else.
package console

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// Path is where the console is.
const Path = "/@/"

// Config is what the console shows and does beyond the records.
type Config struct {
	// Address is where the gateway listens, for replays: "127.0.0.1:3000".
	Address string
	// Stack is shown at the top.
	Stack string
	// Invoke calls a function with an event; the empty name is the only function.
	Invoke func(ctx context.Context, function string, in sandbox.Invocation) (sandbox.Result, error)
	// Recording says whether sandboxes that start record the traffic between adapter and app. Record changes that and
	// starts the app afresh; nil is where nothing can be recorded.
	Recording func() bool
	Record    func(on bool)
}

// Console keeps what it is told and serves it. It is safe for concurrent use.
type Console struct {
	config Config
	store  store
	routes http.Handler
	ending sync.Once
	ended  chan struct{} // closed when the pages shall leave
}

// Deployment is one attempt to bring a change up.
type Deployment struct {
	App     string // the app's folder
	Began   time.Time
	Took    time.Duration
	Changed []string // files; empty for the first one
	Result  string   // what is new, as a sentence
	Err     error    // why it was not deployed
}

//go:embed page
var page embed.FS

// New makes a console that has seen nothing yet.
func New(config Config) *Console {
	if config.Recording == nil {
		config.Recording = func() bool { return false }
	}
	c := &Console{config: config, ended: make(chan struct{})}
	c.store.init()
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /@/", http.StripPrefix(Path, http.FileServerFS(files)))
	mux.HandleFunc("GET /@/api/feed", c.feed)
	mux.HandleFunc("GET /@/api/search", c.search)
	mux.HandleFunc("GET /@/api/invocations/{id}", c.detail)
	mux.HandleFunc("GET /@/api/invocations/{id}/as/{form}", c.export)
	mux.HandleFunc("POST /@/api/invocations/{id}/replay", c.replay)
	mux.HandleFunc("POST /@/api/recording", c.record)
	mux.HandleFunc("GET /@/api/sandboxes/{key}/lines", c.sandboxLines)
	mux.HandleFunc("POST /@/2015-03-31/functions/{name}/invocations", c.invoke)
	c.routes = mux
	return c
}

// Close ends the connections of open pages, so that a server that shuts down need not wait for them.
func (c *Console) Close() { c.ending.Do(func() { close(c.ended) }) }

// Gateway takes the records of the gateway.
func (c *Console) Gateway(r gateway.Record) { c.store.gateway(r) }

// Sandbox takes the records of the sandboxes.
func (c *Console) Sandbox(r sandbox.Record) { c.store.sandbox(r) }

// Deployed takes the end of a deployment.
func (c *Console) Deployed(d Deployment) { c.store.deployed(d) }

// Front serves the console in front of the API.
func (c *Console) Front(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/@" && !strings.HasPrefix(r.RequestURI, Path) {
			api.ServeHTTP(w, r)
			return
		}
		if reason := refuse(r); reason != "" {
			http.Error(w, reason, http.StatusForbidden)
			return
		}
		secure(w.Header())
		if r.RequestURI == "/@" {
			http.Redirect(w, r, Path, http.StatusFound)
			return
		}
		c.routes.ServeHTTP(w, r)
	})
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "write the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// complain answers with a sentence.
func complain(w http.ResponseWriter, status int, sentence string) {
	answer(w, status, map[string]string{"error": sentence})
}
