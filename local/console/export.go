package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"lambda-web/local/sandbox"
)

// export writes an invocation's request as something to paste: curl, pytest or go, or its event as a file. Secrets are
// in it if the page shows them; without them a header is read from the environment.
func (c *Console) export(w http.ResponseWriter, r *http.Request) {
	c.store.mu.Lock()
	i := c.store.byID[r.PathValue("id")]
	if i == nil {
		c.store.mu.Unlock()
		complain(w, http.StatusNotFound, "This invocation is not kept any more.")
		return
	}
	p := i.paste(c.config.Address, r.URL.Query().Get("secrets") == "1")
	c.store.mu.Unlock()
	var text string
	switch r.PathValue("form") {
	case "event":
		text = p.eventFile()
	case "curl":
		text = p.curl()
	case "pytest":
		text = p.pytest()
	case "go":
		text = p.goTest()
	default:
		complain(w, http.StatusNotFound, "The forms are curl, event, pytest and go.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte(text))
}

// paste is what an export is made of.
type paste struct {
	address, method, target string
	headers                 []header
	body                    []byte
	event                   []byte
	status                  int
	answer                  []byte // the response's body, if all of it is there
	direct                  bool
	clipped                 bool
}

// paste needs the store's lock.
func (i *invocation) paste(address string, secrets bool) paste {
	p := paste{address: address, direct: i.request == nil, clipped: i.replayable() != ""}
	var event sandbox.Body
	if i.start != nil {
		event = i.start.Event
	}
	if q := i.request; q != nil {
		p.method, p.target, p.headers, p.body = q.Method, q.Target, headersOf(q.Header, secrets), q.Body.Bytes
		if event.Size == 0 {
			event = q.Event
		}
		if !secrets {
			p.target = maskTarget(p.target)
		}
	}
	if p.event = event.Bytes; !secrets {
		p.event = maskJSON(p.event)
	}
	if a := i.response; a != nil {
		if p.status = a.Status; int64(len(a.Body.Bytes)) == a.Body.Size {
			p.answer = a.Body.Bytes
		}
	}
	return p
}

func (p paste) eventFile() string {
	var pretty bytes.Buffer
	if json.Indent(&pretty, p.event, "", "  ") != nil {
		return string(p.event)
	}
	return pretty.String() + "\n"
}

// browserHeaders say more about a browser than about the request.
var browserHeaders = []string{
	"user-agent", "accept-encoding", "accept-language", "upgrade-insecure-requests", "cache-control", "pragma", "dnt",
	"priority",
	"referer", "if-none-match", "if-modified-since",
}

// sent are the headers that matter when somebody else sends the request; all has those of the browser, too.
func (p paste) sent(all bool) []header {
	return slices.DeleteFunc(slices.Clone(p.headers), func(h header) bool {
		name := strings.ToLower(h.Name)
		if slices.ContainsFunc(perConnection, func(own string) bool { return strings.EqualFold(own, name) }) {
			return true
		}
		return !all && (strings.HasPrefix(name, "sec-") || slices.Contains(browserHeaders, name))
	})
}

// variable is the environment variable that stands in for a hidden header.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
}

// quoteShell quotes for a POSIX shell.
func quoteShell(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (p paste) curl() string {
	if p.direct {
		return "# Save the event as event.json, then:\nmake event FILE=event.json\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i %s", quoteShell("http://"+p.address+p.target))
	if p.method != http.MethodGet || len(p.body) > 0 {
		fmt.Fprintf(&b, " \\\n  -X %s", quoteShell(p.method))
	}
	if p.method == http.MethodHead {
		b.Reset()
		fmt.Fprintf(&b, "curl --head %s", quoteShell("http://"+p.address+p.target))
	}
	b.WriteString(" \\\n  --path-as-is -g")
	for _, h := range p.sent(true) {
		if h.Hidden {
			fmt.Fprintf(&b, " \\\n  -H %s\"$%s\"", quoteShell(h.Name+": "), variable(h.Name))
			continue
		}
		if h.Value == "" {
			fmt.Fprintf(&b, " \\\n  -H %s", quoteShell(h.Name+";")) // curl's way of an empty value
			continue
		}
		fmt.Fprintf(&b, " \\\n  -H %s", quoteShell(h.Name+": "+h.Value))
	}
	switch {
	case len(p.body) == 0:
	case utf8.Valid(p.body) && bytes.IndexByte(p.body, 0) < 0 && p.body[0] != '@':
		fmt.Fprintf(&b, " \\\n  --data-binary %s", quoteShell(string(p.body)))
	default:
		b.WriteString(" \\\n  --data-binary @-\n")
		return p.remark("# ") + "base64 -d <<'END' | " + b.String() + base64Lines(p.body) + "END\n"
	}
	return p.remark("# ") + b.String() + "\n"
}

// remark warns of a body that is not all there.
func (p paste) remark(comment string) string {
	if p.clipped {
		return comment + "The body was too long to be kept: only its beginning is below.\n"
	}
	return ""
}
