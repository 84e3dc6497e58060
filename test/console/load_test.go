package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	javascript "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"

	"lambda-web/local/console"
	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// usage is what the page and this program hold on to.
type usage struct {
	heap, nodes int64  // of the page: bytes of JavaScript, nodes of the document
	own         uint64 // bytes of this program's heap
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MB and %d nodes in the page, %.1f MB in the console", float64(u.heap)/1e6, u.nodes,
		float64(u.own)/1e6)
}

func measure(t *testing.T) usage {
	t.Helper()
	var u usage
	err := browser.Within(page, heapprofiler.CollectGarbage(), chromedp.ActionFunc(func(ctx context.Context) error {
		used, _, _, _, err := javascript.GetHeapUsage().Do(ctx)
		u.heap = int64(used)
		if err != nil {
			return err
		}
		_, u.nodes, _, err = memory.GetDOMCounters().Do(ctx)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.own = m.HeapAlloc
	return u
}

// TestTenThousandInvocations: with the page open, neither it nor the console grows from 2,000 invocations to 10,000.
func TestTenThousandInvocations(t *testing.T) {
	c := console.New(console.Config{})
	server := httptest.NewServer(c.Front(http.NotFoundHandler()))
	t.Cleanup(server.CloseClientConnections)
	if err := browser.Within(page, browser.Look(1280, 860, "light"), chromedp.Navigate(server.URL+"/@/"),
		browser.Until(`document.querySelector("#live").textContent === "live"`)); err != nil {
		t.Fatal(err)
	}
	box := sandbox.Source{Function: "web", Version: "1", Sandbox: 1}
	feed := func(from, to int) usage {
		t.Helper()
		for n := from; n < to; n++ {
			began := time.Now()
			id := gateway.ID{RequestID: fmt.Sprintf("id-%d", n), GatewayID: fmt.Sprint(n)}
			event := sandbox.BodyOf([]byte(fmt.Sprintf(`{"path":"/api/hello","n":%d}`, n)))
			c.Gateway(gateway.Request{ID: id, Began: began, Invoked: began, Method: "GET",
				Target: fmt.Sprintf("/v1/api/hello?n=%d", n), Event: event})
			c.Sandbox(sandbox.Start{Source: box, RequestID: id.RequestID, Arrived: began, Began: began, Event: event})
			c.Sandbox(sandbox.Line{Source: box, RequestID: id.RequestID, Time: began, Text: "a line of the app"})
			c.Sandbox(sandbox.Report{Source: box, RequestID: id.RequestID, Ended: began, Status: "success",
				Response: sandbox.BodyOf([]byte(`{"statusCode":200}`))})
			c.Gateway(gateway.Response{ID: id, Ended: began.Add(time.Millisecond), Status: 200 + n%5*100/4,
				Body: sandbox.BodyOf([]byte("hello"))})
			if n%100 == 99 { // the page has seen these before the next come
				newest := fmt.Sprintf(`document.querySelector(".row .path").title === "/v1/api/hello?n=%d"`, n)
				if err := browser.Within(page, browser.Until(newest)); err != nil {
					t.Fatal(err)
				}
			}
		}
		var rows int
		if err := browser.Within(page, chromedp.Evaluate(`document.querySelectorAll(".row").length`,
			&rows)); err != nil {
			t.Fatal(err)
		}
		if rows != 500 {
			t.Errorf("the list has %d rows, want 500", rows)
		}
		return measure(t)
	}
	before := feed(0, 2000)
	after := feed(2000, 10_000)
	t.Logf("after 2,000 invocations %s; after 10,000 %s", before, after)
	if after.heap > before.heap+1<<20 || after.nodes > before.nodes+1000 || after.own > before.own+2<<20 {
		t.Errorf("it grew from %s to %s", before, after)
	}
}
