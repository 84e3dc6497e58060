package console

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"lambda-web/local/sandbox"
)

// detail is one invocation, message by message. What was not seen is absent.
type detail struct {
	summary
	Bare     bool      `json:"bare,omitempty"` // bodies and lines are no longer kept
	Messages []message `json:"messages"`
	Timeline []span    `json:"timeline"`
	Marks    []mark    `json:"marks"`
	Total    float64   `json:"total"` // milliseconds that the timeline spans
	Lines    []line    `json:"lines"`
	Dropped  int       `json:"dropped,omitempty"` // lines between the first and the last ones
	Figures  []figure  `json:"figures"`
	Pieces   []chunk   `json:"pieces,omitempty"`
	More     int       `json:"more,omitempty"` // pieces that are not listed
	Replay   string    `json:"replay"`         // empty, or why the request cannot be sent again as it was
}

// message is one of the six that an invocation consists of.
type message struct {
	Kind    string   `json:"kind"` // request, event, appRequest, appResponse, answer or response
	Start   string   `json:"start,omitempty"`
	Headers []header `json:"headers,omitempty"`
	Body    body     `json:"body"`
	Note    string   `json:"note,omitempty"` // why there is nothing, or where this is from
	Seen    bool     `json:"seen"`
}

// body is what a page gets of bytes.
type body struct {
	Text   string `json:"text,omitempty"`
	Base64 string `json:"base64,omitempty"` // in place of Text, for bytes that are no UTF-8
	Size   int64  `json:"size"`
	Kept   int    `json:"kept"`
}

func bodyOf(b sandbox.Body, mask bool) body {
	v := body{Size: b.Size, Kept: len(b.Bytes)}
	content := b.Bytes
	if mask {
		content = maskJSON(content)
	}
	if text := validStart(content, b.Size > int64(len(b.Bytes))); text != "" || len(content) == 0 {
		v.Text = text
	} else {
		v.Base64 = base64.StdEncoding.EncodeToString(content)
	}
	return v
}

// validStart is the content as text, or "" if it is none. The last character of a clipped text may be cut off.
func validStart(content []byte, clipped bool) string {
	if clipped {
		for range utf8.UTFMax - 1 {
			if r, size := utf8.DecodeLastRune(content); r != utf8.RuneError || size != 1 || len(content) == 0 {
				break
			}
			content = content[:len(content)-1]
		}
	}
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return ""
	}
	return string(content)
}

// span is a part of the timeline, in milliseconds since the beginning.
type span struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

type mark struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
}

type line struct {
	At       float64 `json:"at"` // milliseconds since the beginning
	Platform bool    `json:"platform,omitempty"`
	Text     string  `json:"text"`
}

type chunk struct {
	At     float64 `json:"at"`
	Offset int64   `json:"offset"`
	Size   int     `json:"size"`
}

type figure struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// detail is asked with ?secrets=1 for everything.
func (c *Console) detail(w http.ResponseWriter, r *http.Request) {
	c.store.mu.Lock()
	i := c.store.byID[r.PathValue("id")]
	if i == nil {
		c.store.mu.Unlock()
		complain(w, http.StatusNotFound, "This invocation is not kept any more: the console keeps the newest 500.")
		return
	}
	d := c.describe(i, r.URL.Query().Get("secrets") == "1")
	c.store.mu.Unlock()
	answer(w, http.StatusOK, d)
}

// describe needs the lock.
func (c *Console) describe(i *invocation, secrets bool) detail {
	d := detail{
		summary: i.summary(), Bare: i.bare, Messages: c.messages(i, secrets), Figures: i.figures(),
		Dropped: i.lines.dropped, More: i.stream.more, Replay: i.replayable(),
	}
	d.timeline(i)
	for _, list := range [][]sandbox.Line{i.lines.first, i.lines.last} {
		for _, l := range list {
			d.Lines = append(d.Lines, line{since(i.began(), l.Time), l.Platform, l.Text})
		}
	}
	for _, p := range i.stream.pieces {
		d.Pieces = append(d.Pieces, chunk{since(i.began(), p.time), p.offset, p.size})
	}
	return d
}

func since(began, t time.Time) float64 { return milliseconds(t.Sub(began)) }

// messages are the six, in the order of their ways.
func (c *Console) messages(i *invocation, secrets bool) []message {
	list := make([]message, 0, 6)
	if q := i.request; q != nil {
		target := q.Target
		if !secrets {
			target = maskTarget(target)
		}
		headers := append([]header{{Name: "Host", Value: q.Host}}, headersOf(q.Header, secrets)...)
		list = append(list, message{
			Kind: "request", Seen: true, Start: q.Method + " " + target + " " + q.Proto, Headers: headers,
			Body: bodyOf(q.Body, !secrets),
		})
	}
	list = append(list, i.event(secrets))
	list = append(list, c.appMessages(i, secrets)...)
	list = append(list, i.answer(secrets))
	if i.request != nil {
		list = append(list, i.clientResponse(secrets))
	}
	return list
}

func (i *invocation) event(secrets bool) message {
	m := message{Kind: "event", Seen: true}
	switch {
	case i.start != nil && i.start.Event.Size > 0:
		m.Body = bodyOf(i.start.Event, !secrets)
	case i.request != nil && !i.request.Invoked.IsZero():
		m.Body = bodyOf(i.request.Event, !secrets)
	default:
		m.Seen, m.Note = false, "There is no event: the gateway answered without the function."
	}
	return m
}

// answer is what the runtime, here the adapter, posted.
func (i *invocation) answer(secrets bool) message {
	m := message{Kind: "answer", Seen: i.report != nil}
	switch {
	case i.report == nil && i.start == nil:
		m.Note = "The function was not called."
	case i.report == nil:
		m.Note = "The function has not ended yet."
	case i.report.Streamed:
		head, rest, found := bytes.Cut(i.report.Response.Bytes, make([]byte, 8))
		if !found {
			m.Body = bodyOf(i.report.Response, !secrets)
			break
		}
		if !secrets {
			head = maskJSON(head)
		}
		m.Start = string(head)
		m.Note = "The metadata of the stream; its body is below, without the eight zero bytes between them."
		before := int64(len(i.report.Response.Bytes) - len(rest))
		m.Body = bodyOf(sandbox.Body{Bytes: rest, Size: i.report.Response.Size - before}, !secrets)
	default:
		m.Body = bodyOf(i.report.Response, !secrets)
	}
	return m
}

// clientResponse is what has gone out, or until now.
func (i *invocation) clientResponse(secrets bool) message {
	m := message{Kind: "response", Seen: true}
	status, fields, content := 0, http.Header(nil), sandbox.Body{}
	switch {
	case i.response != nil:
		status, fields, content = i.response.Status, i.response.Header, i.response.Body
		m.Note = i.response.Cause
	case i.stream.last != nil:
		status, fields, content = i.stream.last.Status, i.stream.last.Header, i.stream.body
	}
	if status == 0 {
		m.Seen = false
		if m.Note == "" {
			m.Note = "Nothing has gone out to the client yet."
		}
		return m
	}
	m.Start = strings.TrimSpace("HTTP/1.1 " + itoa(status) + " " + http.StatusText(status))
	m.Headers = headersOf(fields, secrets)
	m.Body = bodyOf(content, !secrets)
	return m
}
