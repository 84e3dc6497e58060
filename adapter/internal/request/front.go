package request

import (
	"bytes"

	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/policy"
	"lambda-web/adapter/internal/rawjson"
	"lambda-web/adapter/internal/sha256"
)

// A distribution (CloudFront) in front of the API gives the app a URL without a prefix. It proves
// each request with a secret and says which host the browser asked for. Nobody else can: without the
// secret a request is one of the stage's own URL, and what it says of hosts is dropped.

// provesFront reports whether the request comes from the distribution.
func (c *Composer) provesFront() bool {
	secret := c.onlyValue(policy.FrontSecret)
	if len(secret) == 0 || !c.isSecret(sha256.Sum(secret)) {
		return false
	}
	if !isHost(c.onlyValue("x-forwarded-host")) {
		c.warnOnce("front", "the distribution in front sends no X-Forwarded-Host that is one host; "+
			"its requests are served as those of the stage's own URL")
		return false
	}
	return true
}

// isSecret compares in a time that says nothing of the digests.
func (c *Composer) isSecret(digest [sha256.Size]byte) bool {
	found := false
	for _, known := range c.options.FrontDigests {
		var differs byte
		for i := range known {
			differs |= known[i] ^ digest[i]
		}
		found = found || differs == 0
	}
	return found
}

// onlyValue returns the text of a field that came once, with one value, else nil. It is valid until
// the next call.
func (c *Composer) onlyValue(name string) []byte {
	var only rawjson.Value
	for i := range c.fields {
		if string(c.fields[i].name) != name {
			continue
		}
		for e := rawjson.ElementsOf(c.fields[i].value); e.Next(); {
			if only != nil || !e.Value.IsString() {
				return nil
			}
			only = e.Value
		}
	}
	c.text = only.AppendText(c.text[:0])
	return c.text
}

// isHost reports whether a text is a host with an optional port, as in Host (RFC 9110 section 7.2).
func isHost(text []byte) bool {
	name := text
	if colon := bytes.LastIndexByte(text, ':'); colon > bytes.IndexByte(text, ']') {
		name = text[:colon]
		for _, b := range text[colon+1:] {
			if b-'0' > 9 {
				return false
			}
		}
	}
	address := bytes.TrimSuffix(bytes.TrimPrefix(name, []byte{'['}), []byte{']'})
	inBrackets := len(address) == len(name)-2
	for _, b := range address {
		if legal[b]&inUnreserved == 0 && (b != ':' || !inBrackets) {
			return false
		}
	}
	return len(address) > 0 && len(text) <= 255 && (inBrackets || len(address) == len(name))
}

// appendFront writes what the distribution says of the browser's request, in the place of what the
// gateway saw of the distribution's.
func (c *Composer) appendFront() {
	c.Head = append(append(append(c.Head, "x-forwarded-host: "...), c.Host...), "\r\nx-forwarded-proto: https\r\n"...)
	c.drop("x-forwarded-proto")
	c.appendForwardedFor()
}

// appendForwardedFor leaves out the last address, which is the distribution's. The one before it is
// the browser's.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
func (c *Composer) appendForwardedFor() {
	const name = "x-forwarded-for"
	line := len(c.Head)
	c.Head = append(c.Head, name+": "...)
	list := len(c.Head)
	for i := range c.fields {
		if string(c.fields[i].name) != name {
			continue
		}
		c.fields[i].drop = true
		for e := rawjson.ElementsOf(c.fields[i].value); e.Next(); {
			if len(c.Head) > list {
				c.Head = append(c.Head, ", "...)
			}
			c.Head = appendFieldValue(c.Head, e.Value)
		}
	}
	if last := bytes.LastIndexByte(c.Head[list:], ','); last >= 0 {
		c.Head = c.Head[:list+last]
	}
	if len(c.Head) == list {
		c.Head = c.Head[:line]
		return
	}
	c.Head = append(c.Head, "\r\n"...)
}

// hideSecret overwrites the secret in the headers of an event that the app gets as it is, such as
// an authorizer's.
func (c *Composer) hideSecret(headers rawjson.Value) {
	for m := rawjson.MembersOf(headers); m.Next(); {
		c.text = append(c.text[:0], m.Name...)
		if !http1.LowerToken(c.text) || !policy.IsFrontSecret(c.text) {
			continue
		}
		for e := rawjson.ElementsOf(m.Value); e.Next(); {
			if e.Value.IsString() {
				for i := 1; i < len(e.Value)-1; i++ {
					e.Value[i] = '*'
				}
			}
		}
	}
}
