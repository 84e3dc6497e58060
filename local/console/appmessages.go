package console

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"

	"lambda-web/local/sandbox"
)

// appMessages are the HTTP request that the app got and its own answer, where the traffic was recorded.
func (c *Console) appMessages(i *invocation, secrets bool) []message {
	request, response := message{Kind: "appRequest"}, message{Kind: "appResponse"}
	t := i.traffic
	switch {
	case i.start == nil && i.response != nil:
		request.Note = "The function was not called."
	case t == nil && c.config.Record == nil:
		request.Note = "Not recorded: sandboxes that are containers have a network of their own."
	case t == nil && !c.config.Recording():
		request.Note = "Not recorded. The adapter makes this request from the event, inside the sandbox. " +
			"\"Record the app\" puts " +
			"a recorder between the two, and starts the app afresh."
	case t == nil && i.report == nil:
		request.Note = "The invocation has not ended yet."
	case t == nil:
		request.Note = "Not recorded: this sandbox was started without a recorder."
	case t.Sent.Size == 0:
		request.Note = "Nothing went to the app."
	}
	if request.Note != "" {
		response.Note = request.Note
		return []message{request, response}
	}
	request = httpMessage("appRequest", t.Sent, secrets)
	if response = httpMessage("appResponse", t.Received, secrets); t.Received.Size == 0 {
		response.Seen, response.Note = false, "Nothing came back from the app."
	}
	return []message{request, response}
}

// httpMessage takes bytes of HTTP/1.1 apart (RFC 9112 section 2.1), in the spelling in which they went by.
func httpMessage(kind string, seen sandbox.Body, secrets bool) message {
	m := message{Kind: kind, Seen: true}
	head, content, whole := bytes.Cut(seen.Bytes, []byte("\r\n\r\n"))
	if !whole {
		content = nil
	}
	start, fields, _ := strings.Cut(string(head), "\r\n")
	m.Start = strings.ToValidUTF8(start, "�")
	if !secrets {
		if words := strings.Split(m.Start, " "); kind == "appRequest" && len(words) == 3 {
			m.Start = words[0] + " " + maskTarget(words[1]) + " " + words[2]
		}
	}
	chunked := false
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, ok := strings.Cut(strings.ToValidUTF8(field, "�"), ":")
		if !ok {
			continue
		}
		value = strings.Trim(value, " \t")
		chunked = chunked || strings.EqualFold(name, "Transfer-Encoding") && strings.EqualFold(value, "chunked")
		m.Headers = append(m.Headers, maskHeader(name, value, secrets))
	}
	size := seen.Size - int64(len(seen.Bytes)-len(content))
	if chunked {
		decoded, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(content)))
		if m.Note = "Shown without its chunks."; err != nil {
			m.Note = "Shown without its chunks, as far as they were kept."
		}
		if content = decoded; err == nil {
			size = int64(len(decoded))
		}
	}
	m.Body = bodyOf(sandbox.Body{Bytes: content, Size: size}, !secrets)
	return m
}
