package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// ownHeader is set by the console's page on what changes something. A form of another site cannot set it.
const ownHeader = "X-Console"

// resend is a request, or an event, as the page edited it. An absent member is as it was.
type resend struct {
	Method  *string   `json:"method"`
	Target  *string   `json:"target"`
	Headers *[]header `json:"headers"` // hidden ones keep the value that they had
	Text    *string   `json:"text"`    // the body, or the event
	Base64  *string   `json:"base64"`
}

// record puts a recorder between adapter and app, or takes it away.
func (c *Console) record(w http.ResponseWriter, r *http.Request) {
	var wanted struct{ On bool }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&wanted)
	switch {
	case r.Header.Get(ownHeader) == "":
		complain(w, http.StatusForbidden, "This comes from the console's own page: the header "+ownHeader+
			" is missing.")
	case err != nil:
		complain(w, http.StatusBadRequest, `Send {"on":true} or {"on":false}.`)
	case c.config.Record == nil:
		complain(w, http.StatusConflict,
			"Sandboxes that are containers have a network of their own: nothing can be recorded there.")
	default:
		c.config.Record(wanted.On)
		answer(w, http.StatusOK, wanted)
	}
}

// replay sends an invocation's request again, through the gateway, or its event to the function; the answer names the
// new invocation.
func (c *Console) replay(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(ownHeader) == "" {
		complain(w, http.StatusForbidden,
			"A replay comes from the console's own page: the header "+ownHeader+" is missing.")
		return
	}
	var edited resend
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&edited)
	if err != nil && !errors.Is(err, io.EOF) {
		complain(w, http.StatusBadRequest, "The edited request is no JSON: "+err.Error())
		return
	}
	i := c.store.find(r.PathValue("id"))
	if i == nil {
		complain(w, http.StatusNotFound, "This invocation is not kept any more.")
		return
	}
	id, err := c.send(r.Context(), i, edited)
	if err != nil {
		complain(w, http.StatusUnprocessableEntity, sentence(err))
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": id})
}

func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// send returns the id of the new invocation.
func (c *Console) send(ctx context.Context, i *invocation, edited resend) (string, error) {
	c.store.mu.Lock()
	request, start, reason := i.request, i.start, i.replayable()
	var event sandbox.Body
	if start != nil {
		event = start.Event
	}
	if request != nil {
		copied := *request
		request = &copied
	}
	c.store.mu.Unlock()
	body, changed, err := edited.body()
	if err != nil {
		return "", err
	}
	if reason != "" && !changed {
		return "", errors.New(reason)
	}
	if request == nil {
		if !changed {
			body = event.Bytes
		}
		return c.sendEvent(ctx, start, i.id, body)
	}
	if !changed {
		body = request.Body.Bytes
	}
	message, err := compose(*request, edited, body)
	if err != nil {
		return "", err
	}
	return c.sendRequest(ctx, message, i.id)
}

func (e resend) body() (content []byte, changed bool, err error) {
	switch {
	case e.Text != nil:
		return []byte(*e.Text), true, nil
	case e.Base64 != nil:
		content, err := base64.StdEncoding.DecodeString(*e.Base64)
		if err != nil {
			return nil, true, errors.New("the body is no base64: " + err.Error())
		}
		return content, true, nil
	}
	return nil, false, nil
}

// replayable is empty, or why a request cannot be sent again as it was. It needs the store's lock.
func (i *invocation) replayable() string {
	body := sandbox.Body{}
	switch {
	case i.request != nil:
		body = i.request.Body
	case i.start != nil:
		body = i.start.Event
	}
	if int64(len(body.Bytes)) == body.Size {
		return ""
	}
	if i.bare {
		return "the body is no longer kept, so it cannot be sent again as it was"
	}
	return fmt.Sprintf("only %d of the %d bytes of the body are kept, so it cannot be sent again as it was",
		len(body.Bytes), body.Size)
}

// sendEvent calls the function without waiting for its answer: the page shows it as it comes.
func (c *Console) sendEvent(ctx context.Context, start *sandbox.Start, original string, event []byte) (string, error) {
	if !json.Valid(event) {
		return "", errors.New("the event is no JSON")
	}
	id := newID()
	in := sandbox.Invocation{Event: event, RequestID: id, Qualifier: start.Qualifier}
	failure := make(chan error, 1)
	go func() {
		_, err := c.config.Invoke(context.WithoutCancel(ctx), start.Function, in)
		failure <- err
	}()
	return id, c.appears(ctx, func() bool { return c.store.markReplay(id, original) }, failure)
}

// appears waits until an invocation is in the store, or cannot be.
func (c *Console) appears(ctx context.Context, there func() bool, failure <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	changed := make(chan struct{}, 1)
	c.store.watch(changed)
	defer c.store.unwatch(changed)
	for !there() {
		select {
		case <-ctx.Done():
			return errors.New("it was sent, but no invocation was seen in time")
		case err := <-failure:
			if there() {
				return nil
			}
			if err != nil {
				return fmt.Errorf("send it: %w", err)
			}
			failure = nil // it has ended; the record is on its way
		case <-changed:
		}
	}
	return nil
}

// markReplay notes where an invocation comes from, once it is there.
func (s *store) markReplay(id, original string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return false
	}
	i.replayOf = original
	i.changed = s.tick()
	return true
}

// perConnection are left out of a request that is sent again: they belong to the connection (RFC 9110 section
// 7.6.1), or are written anew.
var perConnection = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
	"Host",
	"Expect",
}

// compose writes a request as it goes over the wire.
func compose(q gateway.Request, edited resend, body []byte) ([]byte, error) {
	method, target := q.Method, q.Target
	if edited.Method != nil {
		method = *edited.Method
	}
	if edited.Target != nil && *edited.Target != maskTarget(q.Target) {
		target = *edited.Target
	}
	if !isToken(method) {
		return nil, fmt.Errorf("%q is no HTTP method", method)
	}
	control := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if !strings.HasPrefix(target, "/") || strings.ContainsFunc(target, control) {
		return nil, fmt.Errorf("the path is %q; it must begin with / and have no spaces", target)
	}
	lines := headersOf(q.Header, true)
	if edited.Headers != nil {
		lines = unhide(*edited.Headers, q.Header)
	}
	var m bytes.Buffer
	fmt.Fprintf(&m, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, q.Host)
	for _, h := range lines {
		if slices.ContainsFunc(perConnection, func(name string) bool { return strings.EqualFold(name, h.Name) }) {
			continue
		}
		if !isToken(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
			return nil, fmt.Errorf("the header %q has a name or a value that HTTP has no line for", h.Name)
		}
		fmt.Fprintf(&m, "%s: %s\r\n", h.Name, h.Value)
	}
	if len(body) > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		fmt.Fprintf(&m, "Content-Length: %d\r\n", len(body))
	}
	m.WriteString("Connection: close\r\n\r\n")
	m.Write(body)
	return m.Bytes(), nil
}

// unhide puts the values that the page was not shown back into the lines that it left alone.
func unhide(lines []header, original http.Header) []header {
	used := map[string]int{}
	list := make([]header, 0, len(lines))
	for _, h := range lines {
		name := http.CanonicalHeaderKey(h.Name)
		if h.Value == hidden {
			values := original[name]
			at := used[name]
			used[name]++
			if at >= len(values) {
				continue
			}
			h.Value = values[at]
		}
		list = append(list, h)
	}
	return list
}

// sendRequest writes a request to the gateway and returns when the invocation is in the store; the response is read to
// its end in the background, since the page shows it as it comes.
func (c *Console) sendRequest(ctx context.Context, message []byte, original string) (string, error) {
	conn, err := net.DialTimeout("tcp", c.config.Address, 5*time.Second)
	if err != nil {
		return "", fmt.Errorf("reach the gateway: %w", err)
	}
	before := c.store.newest()
	if _, err := conn.Write(message); err != nil {
		conn.Close()
		return "", fmt.Errorf("send the request: %w", err)
	}
	failure := make(chan error, 1)
	go func() {
		defer conn.Close()
		_, err := io.Copy(io.Discard, bufio.NewReader(conn))
		failure <- err
	}()
	var id string
	err = c.appears(ctx, func() bool {
		id = c.store.from(conn.LocalAddr().String(), before)
		return id != "" && c.store.markReplay(id, original)
	}, failure)
	return id, err
}
