package console

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// update is what a page is sent: what changed since the update before. The first one has everything.
type update struct {
	About       *about              `json:"about,omitempty"`
	Invocations []summary           `json:"invocations,omitempty"`
	Oldest      int                 `json:"oldest"` // the number of the oldest invocation that is kept
	Count       int                 `json:"count"`  // invocations ever
	Sandboxes   []sandboxSummary    `json:"sandboxes,omitempty"`
	Gone        bool                `json:"gone,omitempty"` // Sandboxes are all that are left
	Deployments []deploymentSummary `json:"deployments,omitempty"`
	Running     int                 `json:"running"`
	Pulse       [][2]int            `json:"pulse,omitempty"` // by the second: most at once, started
	Now         int64               `json:"now"`
	Recording   bool                `json:"recording"`
}

type about struct {
	Stack   string `json:"stack"`
	Address string `json:"address"`
	Records bool   `json:"records"` // the traffic of the app can be recorded
}

const (
	// feedPause is the least time between two updates: a page is sent each change once, however many there are.
	feedPause = 80 * time.Millisecond
	// feedBeat is the most, so that the plot moves and a browser that has gone is noticed.
	feedBeat = time.Second
)

// feed sends updates as server-sent events until the page closes.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (c *Console) feed(w http.ResponseWriter, r *http.Request) {
	flow := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	changed := make(chan struct{}, 1)
	changed <- struct{}{}
	c.store.watch(changed)
	defer c.store.unwatch(changed)
	io.WriteString(w, "retry: 500\n\n") // milliseconds until a browser asks again, after an end
	beat := time.NewTicker(feedBeat)
	defer beat.Stop()
	seen, sent := uint64(0), time.Time{}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-c.ended:
			return
		case <-beat.C:
		case <-changed:
			if wait := feedPause - time.Since(sent); wait > 0 {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(wait):
				}
			}
		}
		u, now := c.update(seen)
		body, _ := json.Marshal(u)
		flow.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := w.Write(append(append([]byte("data: "), body...), '\n', '\n')); err != nil || flow.Flush() != nil {
			return
		}
		seen, sent = now, time.Now()
	}
}

func (s *store) watch(changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[changed] = true
}

func (s *store) unwatch(changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, changed)
}

// update is what changed after a time of the store's clock, and the time now.
func (c *Console) update(seen uint64) (update, uint64) {
	s := &c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	u := update{
		Running: s.running, Count: s.count, Oldest: s.count + 1, Now: now.UnixMilli(), Pulse: s.pulse.beats(now),
		Recording: c.config.Recording(),
	}
	if seen == 0 {
		u.About = &about{c.config.Stack, c.config.Address, c.config.Record != nil}
	}
	for _, i := range s.order {
		u.Oldest = min(u.Oldest, i.number)
		if i.changed > seen || seen == 0 {
			u.Invocations = append(u.Invocations, i.summary().clipped())
		}
	}
	for _, state := range s.sandboxes {
		if state.changed > seen {
			u.Gone = true
		}
	}
	if u.Gone || seen == 0 {
		for _, state := range s.sandboxes {
			u.Sandboxes = append(u.Sandboxes, state.summary())
		}
	}
	for _, d := range s.deployments {
		if d.changed > seen || seen == 0 {
			u.Deployments = append(u.Deployments, d.summary())
		}
	}
	return u, s.clock
}

// search lists the invocations whose messages or lines contain a text. It reads megabytes, so it holds nobody up.
func (c *Console) search(w http.ResponseWriter, r *http.Request) {
	text := strings.ToLower(r.URL.Query().Get("q"))
	c.store.mu.Lock()
	all := make([]searched, 0, len(c.store.order))
	for _, i := range c.store.order {
		all = append(all, i.searched())
	}
	c.store.mu.Unlock()
	found := []string{}
	for _, s := range all {
		if text != "" && s.contains(text) {
			found = append(found, s.id)
		}
	}
	answer(w, http.StatusOK, found)
}

// searched is where a search in an invocation looks: where a page without secrets would.
type searched struct {
	id     string
	bodies [][]byte
	lines  [2][]sandbox.Line
}

// searched needs the lock. What it refers to does not change.
func (i *invocation) searched() searched {
	s := searched{id: i.id, lines: [2][]sandbox.Line{i.lines.first, i.lines.last}}
	if i.request != nil {
		s.bodies = append(s.bodies, i.request.Body.Bytes, i.request.Event.Bytes)
	}
	if i.start != nil {
		s.bodies = append(s.bodies, i.start.Event.Bytes)
	}
	if i.report != nil {
		s.bodies = append(s.bodies, i.report.Response.Bytes)
	}
	if i.response != nil {
		s.bodies = append(s.bodies, i.response.Body.Bytes)
	}
	return s
}

func (s searched) contains(text string) bool {
	for _, lines := range s.lines {
		for _, l := range lines {
			if strings.Contains(strings.ToLower(l.Text), text) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.bodies, func(b []byte) bool {
		return strings.Contains(strings.ToLower(string(maskJSON(b))), text)
	})
}

// sandboxLines are what a sandbox has logged between invocations: its init, mostly.
func (c *Console) sandboxLines(w http.ResponseWriter, r *http.Request) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, state := range c.store.sandboxes {
		if state.key != r.PathValue("key") {
			continue
		}
		list := []line{}
		for _, l := range slices.Concat(state.lines.first, state.lines.last) {
			list = append(list, line{since(state.since, l.Time), l.Platform, l.Text})
		}
		answer(w, http.StatusOK, list)
		return
	}
	complain(w, http.StatusNotFound, "This sandbox is not kept any more.")
}
