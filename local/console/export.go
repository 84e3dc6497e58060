package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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

// sent are the headers that matter when somebody else sends the request; all has those of the browser, too.
func (p paste) sent(all bool) []header {
	return slices.DeleteFunc(slices.Clone(p.headers), func(h header) bool {
		name := strings.ToLower(h.Name)
		if slices.ContainsFunc(perConnection, func(own string) bool { return strings.EqualFold(own, name) }) {
			return true
		}
		return !all && (strings.HasPrefix(name, "sec-") || slices.Contains([]string{"user-agent", "accept-encoding",
			"accept-language", "upgrade-insecure-requests", "cache-control", "pragma", "dnt", "priority", "referer", "if-none-match",
			"if-modified-since"}, name))
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
		return p.remark("# ") + "base64 -d <<'END' | " + b.String() + " \\\n  --data-binary @-\n" + base64Lines(p.body) + "END\n"
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

// testName is a name for a test of the request.
func (p paste) testName() string {
	path, _, _ := strings.Cut(p.target, "?")
	words := strings.FieldsFunc(strings.ToLower(p.method+" "+path), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(words, "_")
}

// jsonAnswer is the response's body, if it is a JSON object or list.
func (p paste) jsonAnswer() ([]byte, bool) {
	trimmed := bytes.TrimSpace(p.answer)
	return trimmed, len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) && len(trimmed) < 8<<10
}

func (p paste) pytest() string {
	if p.direct {
		return "# This event did not come through the gateway. Save it as a file and send it with: make event FILE=event.json\n"
	}
	var b strings.Builder
	b.WriteString("import http.client\nimport json\nimport os\n\nADDRESS = os.environ.get(\"ADDRESS\", " + quotePython(p.address) + ")\n\n\n")
	b.WriteString(p.remark("# "))
	fmt.Fprintf(&b, "def test_%s():\n    connection = http.client.HTTPConnection(ADDRESS, timeout=30)\n", p.testName())
	fmt.Fprintf(&b, "    connection.putrequest(%s, %s, skip_accept_encoding=True)\n", quotePython(p.method), quotePython(p.target))
	for _, h := range p.sent(false) {
		value := quotePython(h.Value)
		if h.Hidden {
			value = "os.environ[" + quotePython(variable(h.Name)) + "]"
		}
		fmt.Fprintf(&b, "    connection.putheader(%s, %s)\n", quotePython(h.Name), value)
	}
	if len(p.body) > 0 {
		fmt.Fprintf(&b, "    body = %s\n    connection.putheader(\"Content-Length\", str(len(body)))\n    connection.endheaders(body)\n", bytesPython(p.body))
	} else {
		b.WriteString("    connection.endheaders()\n")
	}
	b.WriteString("    response = connection.getresponse()\n    content = response.read()\n")
	fmt.Fprintf(&b, "    assert response.status == %d, content[:500]\n", p.status)
	if text, ok := p.jsonAnswer(); ok {
		fmt.Fprintf(&b, "    assert json.loads(content) == json.loads(%s)\n", bytesPython(text))
	}
	return b.String()
}

// quotePython writes ASCII: Go's escapes of characters and bytes are Python's, too.
func quotePython(s string) string { return strconv.QuoteToASCII(strings.ToValidUTF8(s, "�")) }

// bytesPython is a bytes literal.
func bytesPython(b []byte) string {
	var out strings.Builder
	out.WriteString(`b"`)
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c == '\n':
			out.WriteString(`\n`)
		case c >= ' ' && c < 0x7f:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String() + `"`
}

func (p paste) goTest() string {
	if p.direct {
		return "// This event did not come through the gateway. Save it as a file and send it with: make event FILE=event.json\n"
	}
	var name strings.Builder
	for word := range strings.SplitSeq(p.testName(), "_") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	headers := p.sent(false)
	answerText, isJSON := p.jsonAnswer()
	hiddenOnes := slices.ContainsFunc(headers, func(h header) bool { return h.Hidden })
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n")
	for _, line := range []struct {
		path string
		used bool
	}{{"encoding/json", isJSON}, {"io", true}, {"net/http", true}, {"os", hiddenOnes}, {"reflect", isJSON}, {"strings", true}, {"testing", true}} {
		if line.used {
			fmt.Fprintf(&b, "\t%q\n", line.path)
		}
	}
	b.WriteString(")\n\n" + p.remark("// "))
	fmt.Fprintf(&b, "func Test%s(t *testing.T) {\n\trequest, err := http.NewRequest(%q, %q, strings.NewReader(%s))\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n",
		name.String(), p.method, "http://"+p.address+p.target, strconv.QuoteToASCII(string(p.body)))
	for _, h := range headers {
		value := strconv.QuoteToASCII(h.Value)
		if h.Hidden {
			value = fmt.Sprintf("os.Getenv(%q)", variable(h.Name))
		}
		fmt.Fprintf(&b, "\trequest.Header.Add(%q, %s)\n", h.Name, value)
	}
	b.WriteString("\tresponse, err := http.DefaultTransport.RoundTrip(request)\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n" +
		"\tdefer response.Body.Close()\n\tcontent, err := io.ReadAll(response.Body)\n")
	fmt.Fprintf(&b, "\tif err != nil || response.StatusCode != %d {\n\t\tt.Fatalf(\"status %%d, %%v: %%.500s\", response.StatusCode, err, content)\n\t}\n", p.status)
	if isJSON {
		fmt.Fprintf(&b, "\tvar got, want any\n\tif err := json.Unmarshal(content, &got); err != nil {\n\t\tt.Fatal(err)\n\t}\n"+
			"\tif err := json.Unmarshal([]byte(%s), &want); err != nil {\n\t\tt.Fatal(err)\n\t}\n"+
			"\tif !reflect.DeepEqual(got, want) {\n\t\tt.Errorf(\"got %%s\", content)\n\t}\n", strconv.QuoteToASCII(string(answerText)))
	}
	b.WriteString("}\n")
	return b.String()
}
