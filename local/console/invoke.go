package console

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"lambda-web/local/sandbox"
)

// mostEvent is a little more than Lambda takes, so that Lambda's own limit is the one that refuses.
const mostEvent = 7 << 20

// invoke is Lambda's Invoke API for one synchronous call, so that the AWS CLI, the SDKs and "make event" can send any
// event to a function: aws lambda invoke --endpoint-url http://127.0.0.1:3000/@ ...
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (c *Console) invoke(w http.ResponseWriter, r *http.Request) {
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		refuseInvoke(w, http.StatusBadRequest, "InvalidParameterValueException",
			"Here only RequestResponse is there, not "+kind)
		return
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostEvent))
	if err != nil {
		refuseInvoke(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Read the event: "+err.Error())
		return
	}
	if len(event) == 0 {
		event = []byte("{}")
	}
	if !utf8.Valid(event) || !json.Valid(event) {
		refuseInvoke(w, http.StatusBadRequest, "InvalidRequestContentException",
			"Could not parse request body into json")
		return
	}
	in := sandbox.Invocation{
		Event: event, RequestID: newID(), TraceID: r.Header.Get("X-Amzn-Trace-Id"),
		Qualifier: r.URL.Query().Get("Qualifier"),
	}
	if context, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context")); err == nil {
		in.ClientContext = string(context)
	}
	name := r.PathValue("name")
	if name == "-" {
		name = ""
	}
	result, err := c.config.Invoke(r.Context(), name, in)
	h := w.Header()
	h.Set("X-Amzn-Requestid", in.RequestID)
	if err != nil {
		refuseInvocation(w, err)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Executed-Version", result.Version)
	if result.FunctionError != "" {
		h.Set("X-Amz-Function-Error", result.FunctionError)
	}
	if strings.EqualFold(r.Header.Get("X-Amz-Log-Type"), "Tail") {
		c.awaitReport(r.Context(), in.RequestID)
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(c.store.tail(in.RequestID)))
	}
	w.Write(result.Payload)
}

func refuseInvocation(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, sandbox.ErrNotFound):
		refuseInvoke(w, http.StatusNotFound, "ResourceNotFoundException", sentence(err))
	case errors.Is(err, sandbox.ErrTooLarge):
		refuseInvoke(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", sentence(err))
	case errors.Is(err, sandbox.ErrThrottled):
		refuseInvoke(w, http.StatusTooManyRequests, "TooManyRequestsException", sentence(err))
	default:
		refuseInvoke(w, http.StatusInternalServerError, "ServiceException", sentence(err))
	}
}

// refuseInvoke answers as Lambda does.
func refuseInvoke(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	answer(w, status, map[string]string{"Type": "User", "Message": message})
}

// reportWait is how long an answer waits for the END and REPORT lines of its invocation: extensions may take longer.
const reportWait = time.Second

func (c *Console) awaitReport(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, reportWait)
	defer cancel()
	changed := make(chan struct{}, 1)
	c.store.watch(changed)
	defer c.store.unwatch(changed)
	for !c.store.reportedOf(id) {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (s *store) reportedOf(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	return i != nil && i.report != nil
}

// longestTail is what Lambda returns of a log.
const longestTail = 4 << 10

// tail is the end of an invocation's log.
func (s *store) tail(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[id]
	if i == nil {
		return nil
	}
	var text []byte
	for _, list := range [][]sandbox.Line{i.lines.first, i.lines.last} {
		for _, l := range list {
			text = append(append(text, l.Text...), '\n')
		}
	}
	return text[max(0, len(text)-longestTail):]
}

// newID is a request id: a random UUID (RFC 9562 section 5.4).
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, digits[c>>4], digits[c&0x0f])
	}
	return string(text)
}
