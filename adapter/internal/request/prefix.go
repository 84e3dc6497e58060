package request

import (
	"bytes"

	"lambda-web/adapter/internal/event"
)

// prefixField is the header by which proxies say which part of the path they took off. Apps build their links with it.
const prefixField = "x-forwarded-prefix"

// publicPath returns the path as it is in the client's URL, with stage and base path, where the event tells it.
func (c *Composer) publicPath(e *event.Event) []byte {
	if c.text = e.PublicPath.AppendText(c.text[:0]); len(c.text) > 0 {
		return c.text
	}
	return c.path
}

// prefixOf returns what stands in front of the app's path in the public one, without a slash at its end; it is empty
// if they are the same or have nothing to do with each other. Slashes at the end do not count: API Gateway merges
// them in the one path and keeps them in the other.
func prefixOf(public, path []byte) []byte {
	public, path = bytes.TrimRight(public, "/"), bytes.TrimRight(path, "/")
	prefix, found := bytes.CutSuffix(public, path)
	if !found || len(path) > 0 && path[0] != '/' {
		return nil
	}
	return bytes.TrimRight(prefix, "/")
}

// tellsPrefix reports whether the app learns its prefix, in a header or in the path.
func (c *Composer) tellsPrefix() bool { return c.options.PrefixHeader || c.options.PrefixInPath }

// appendPrefix writes the header, or nothing for an app at the root of its host.
func (c *Composer) appendPrefix() {
	if len(c.prefix) == 0 {
		return
	}
	c.Head = append(append(append(append(c.Head, prefixField...), ": "...), c.prefix...), "\r\n"...)
}
