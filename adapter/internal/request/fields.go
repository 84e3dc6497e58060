package request

import (
	"bytes"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/policy"
	"lambda-web/adapter/internal/rawjson"
)

// field is one header field of the event: its name in lower case and its value or array of values.
type field struct {
	name  []byte
	value rawjson.Value
	drop  bool
}

// collectFields reads the event's header maps into c.fields and marks those that must not reach the
// app.
func (c *Composer) collectFields(e *event.Event) error {
	c.fields, c.names = c.fields[:0], c.names[:0]
	if err := c.collectMap(e.MultiHeaders, 0); err != nil {
		return err
	}
	if e.Kind != event.ALB || len(c.fields) == 0 {
		return c.collectMap(e.Headers, len(c.fields))
	}
	return nil
}

// collectMap adds a map's fields. A name that is among the first known fields is not added again:
// the multi-value map wins over the single one.
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
		c.fields = append(c.fields, field{name: name, value: m.Value, drop: !policy.FromClient(name, c.told)})
	}
	return nil
}

// indexOf finds a name among the first known fields. Both maps of an event list the names in the
// same order, so the search begins at the guess.
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

// drop drops every field of this name: an event may hold a name twice, in two spellings.
func (c *Composer) drop(name string) {
	for i := range c.fields {
		if string(c.fields[i].name) == name {
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
