package request

import (
	"bytes"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/rawjson"
)

// field is one header field of the event: its name in lower case and its value or array of values.
type field struct {
	name  []byte
	value rawjson.Value
	drop  bool
}

// collectFields reads the event's header maps into c.fields and marks those that must not reach the app.
func (c *Composer) collectFields(e *event.Event) error {
	c.fields, c.names = c.fields[:0], c.names[:0]
	if err := c.collectMap(e.MultiHeaders, 0); err != nil {
		return err
	}
	if e.Kind != event.ALB || len(c.fields) == 0 {
		if err := c.collectMap(e.Headers, len(c.fields)); err != nil {
			return err
		}
	}
	c.dropListed()
	return nil
}

// collectMap adds a map's fields. A name that is among the first known fields is not added again: the multi-value
// map wins over the single one.
func (c *Composer) collectMap(headers rawjson.Value, known int) error {
	for m := rawjson.MembersOf(headers); m.Next(); {
		start := len(c.names)
		c.names = append(c.names, m.Name...)
		name := c.names[start:len(c.names):len(c.names)]
		if !http1.LowerToken(name) {
			c.names = c.names[:start]
			c.note("a header name that is not a token was dropped")
			continue
		}
		if c.indexOf(name, len(c.fields)-known, known) >= 0 {
			c.names = c.names[:start]
			continue
		}
		if len(c.fields) == http1.MaxFields {
			return badEvent("the event has more than 4096 header names")
		}
		c.fields = append(c.fields, field{name: name, value: m.Value, drop: isRemoved(name)})
	}
	return nil
}

// indexOf finds a name among the first known fields. Both maps of an event list the names in the same order, so the
// search begins at the guess.
func (c *Composer) indexOf(name []byte, guess, known int) int {
	if guess < known && bytes.Equal(c.fields[guess].name, name) {
		return guess
	}
	for i := range known {
		if bytes.Equal(c.fields[i].name, name) {
			return i
		}
	}
	return -1
}

// isRemoved names the fields that describe the client's connection (RFC 9110 section 7.6.1) or that only the adapter
// may set.
func isRemoved(name []byte) bool {
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
		"expect", "content-length",
		"x-amzn-request-context", "x-amzn-lambda-context", "x-amz-tenant-id":
		return true
	}
	return false
}

// dropListed drops the fields that a Connection header lists.
func (c *Composer) dropListed() {
	for i := range c.fields {
		if string(c.fields[i].name) != "connection" {
			continue
		}
		for e := rawjson.ElementsOf(c.fields[i].value); e.Next(); {
			c.text = e.Value.AppendText(c.text[:0])
			for option := range bytes.SplitSeq(c.text, []byte{','}) {
				if option = bytes.TrimSpace(option); http1.LowerToken(option) {
					c.drop(option)
				}
			}
		}
	}
}

// drop drops every field of this name: an event may hold a name twice, in two spellings.
func (c *Composer) drop(name []byte) {
	for i := range c.fields {
		if bytes.Equal(c.fields[i].name, name) {
			c.fields[i].drop = true
		}
	}
}

func (c *Composer) find(name string) int {
	for i := range c.fields {
		if string(c.fields[i].name) == name {
			return i
		}
	}
	return -1
}

// appendField appends one line per value, and nothing for null.
func (c *Composer) appendField(dst, name []byte, value rawjson.Value) []byte {
	for e := rawjson.ElementsOf(value); e.Next(); {
		if e.Value.IsNull() || e.Value.IsObject() || e.Value.IsArray() {
			continue
		}
		dst = append(append(dst, name...), ": "...)
		dst = append(appendFieldValue(dst, e.Value), "\r\n"...)
	}
	return dst
}

// appendFieldValue appends a value without the control characters that could end the line.
func appendFieldValue(dst []byte, value rawjson.Value) []byte {
	start := len(dst)
	dst = value.AppendText(dst)
	http1.Clean(dst[start:])
	return dst
}

// appendCookies joins cookie values into the one line that RFC 6265 section 5.4 allows.
func (c *Composer) appendCookies(dst []byte, values rawjson.Value) []byte {
	first := true
	for e := rawjson.ElementsOf(values); e.Next(); {
		if e.Value.IsNull() {
			continue
		}
		if first {
			dst = append(dst, "cookie: "...)
		} else {
			dst = append(dst, "; "...)
		}
		first = false
		dst = appendFieldValue(dst, e.Value)
	}
	if !first {
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// firstValue returns the first value of a field that has text.
func firstValue(value rawjson.Value) rawjson.Value {
	for e := rawjson.ElementsOf(value); e.Next(); {
		if !e.Value.IsNull() {
			return e.Value
		}
	}
	return nil
}
