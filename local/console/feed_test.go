package console

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestFeed: everything first, then what changes, until the console closes.
func TestFeed(t *testing.T) {
	c := newConsole()
	play(c, "before", nil)
	server := httptest.NewServer(c.Front(http.NotFoundHandler()))
	defer server.Close()
	answer, err := http.Get(server.URL + "/@/api/feed")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (u update, open bool) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &u); err != nil {
					t.Fatal(err)
				}
				return u, true
			}
		}
		return u, false
	}
	first, _ := next()
	if first.About == nil || len(first.Invocations) != 1 || first.Invocations[0].ID != "before" {
		t.Errorf("the first update is %+v", first)
	}
	play(c, "after", nil)
	c.Deployed(Deployment{Began: time.Now(), Changed: []string{"app.py"}, Result: "Deployed version 2"})
	seen, deployed := false, false
	for !seen || !deployed {
		u, open := next()
		if !open {
			t.Fatal("the feed has ended")
		}
		for _, i := range u.Invocations {
			seen = seen || i.ID == "after" && i.State == done
			if i.ID == "before" {
				t.Error("what has not changed was sent again")
			}
		}
		deployed = deployed || len(u.Deployments) == 1 && u.Deployments[0].Result == "Deployed version 2"
	}
	c.Close()
	c.Close()
	for open := true; open; {
		_, open = next()
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the feed ended with %v", err)
	}
	if n := len(c.store.watchers); n != 0 {
		t.Errorf("%d watchers are left", n)
	}
}
