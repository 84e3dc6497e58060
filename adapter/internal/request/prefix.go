package request

import (
	"bytes"

	"lambda-web/adapter/internal/event"
	"lambda-web/adapter/internal/rawjson"
)

// prefixField is the header by which proxies say which part of the path they took off. Apps build
// their links with it.
const prefixField = "x-forwarded-prefix"

// publicPath returns the path as it is in the client's URL, with stage and base path, where the
// event tells it.
func (c *Composer) publicPath(e *event.Event) []byte {
	if c.text = e.PublicPath.AppendText(c.text[:0]); len(c.text) > 0 {
		return c.text
	}
	return c.path
}

// prefixOf returns what stands in front of the app's path in the public one, without a slash at its
// end; it is empty if they are the same or have nothing to do with each other. Slashes at the end
// do not count: API Gateway merges them in the one path and keeps them in the other.
func prefixOf(public, path []byte) []byte {
	public, path = bytes.TrimRight(public, "/"), bytes.TrimRight(path, "/")
	prefix, found := bytes.CutSuffix(public, path)
	if !found || len(path) > 0 && path[0] != '/' {
		return nil
	}
	return bytes.TrimRight(prefix, "/")
}

// withoutMapping takes off what a domain's base path mapping put before the path of a REST API. The
// event has it in its path, and not in its resource, whose variables pathParameters tells.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html
func (c *Composer) withoutMapping(e *event.Event, path []byte) []byte {
	inside, ok := c.insidePath(e)
	if !ok {
		return path
	}
	base, found := bytes.CutSuffix(bytes.TrimRight(path, "/"), inside)
	if !found || len(base) > 0 && base[0] != '/' {
		return path
	}
	return path[len(base):]
}

// insidePath returns the path that a REST API's resource stands for, without a slash at its end.
func (c *Composer) insidePath(e *event.Event) (path []byte, ok bool) {
	if e.Kind != event.V1 || e.HTTPAPI || !e.Resource.IsString() {
		return nil, false
	}
	c.text = e.Resource.AppendText(c.text[:0])
	if len(c.text) == 0 || c.text[0] != '/' {
		return nil, false
	}
	c.inside = c.inside[:0]
	for rest := c.text[1:]; rest != nil; {
		var segment []byte
		segment, rest, _ = bytes.Cut(rest, []byte{'/'})
		c.inside = append(c.inside, '/')
		name, isVariable := bytes.CutPrefix(segment, []byte{'{'})
		if !isVariable {
			c.inside = append(c.inside, segment...)
			continue
		}
		before := len(c.inside)
		c.inside = memberOf(e.PathParams, bytes.TrimRight(name, "+}")).AppendText(c.inside)
		if len(c.inside) == before {
			return nil, false // an event that somebody wrote by hand
		}
	}
	return bytes.TrimRight(c.inside, "/"), true
}

// memberOf returns a member of an object, nil if it has none of that name.
func memberOf(object rawjson.Value, name []byte) rawjson.Value {
	for m := rawjson.MembersOf(object); m.Next(); {
		if bytes.Equal(m.Name, name) {
			return m.Value
		}
	}
	return nil
}

// appendPrefix writes the headers, or nothing for an app at the root of its host.
func (c *Composer) appendPrefix() {
	if len(c.Prefix) == 0 || c.options.PrefixInPath {
		return
	}
	c.Head = append(append(append(c.Head, prefixField+": "...), c.Prefix...), "\r\n"...)
	if c.ScriptName {
		c.Head = append(append(append(c.Head, "SCRIPT_NAME: "...), c.Prefix...), "\r\n"...)
	}
}
