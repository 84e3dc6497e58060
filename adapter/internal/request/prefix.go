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

// ownsPrefix reports whether a client's field must not reach the app: it would decide about other people's links.
// Servers that hand headers on as variables cannot tell the two spellings apart.
func (c *Composer) ownsPrefix(name []byte) bool {
	if !c.options.PrefixHeader && !c.options.PrefixInPath || len(name) != len(prefixField) {
		return false
	}
	for i, b := range []byte(prefixField) {
		if name[i] != b && (b != '-' || name[i] != '_') {
			return false
		}
	}
	return true
}

// appendPrefix writes the header, or nothing for an app at the root of its host.
func (c *Composer) appendPrefix() {
	if len(c.prefix) == 0 {
		return
	}
	c.Head = append(append(append(append(c.Head, prefixField...), ": "...), c.prefix...), "\r\n"...)
}
