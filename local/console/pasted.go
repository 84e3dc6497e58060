package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// noRequest stands in for a test of an event that did not come through the gateway.
const noRequest = "This event did not come through the gateway. Save it as a file and send it with: make " +
	"event FILE=event.json\n"

// test is what the templates see.
type test struct {
	Address, Name, Method, Target, Remark string
	Headers                               []header
	Body                                  []byte
	Status                                int
	JSON                                  []byte // the response's body, if it is a JSON object or list
	Environment                           bool   // a header is read from it
}

func (p paste) test(comment string) test {
	headers := p.sent(false)
	return test{
		Address: p.address, Name: p.testName(), Method: p.method, Target: p.target, Remark: p.remark(comment),
		Headers: headers,
		Body:    p.body, Status: p.status, JSON: p.jsonAnswer(),
		Environment: slices.ContainsFunc(headers, func(h header) bool { return h.Hidden }),
	}
}

// testName is a name for a test of the request: get_v1_api_hello.
func (p paste) testName() string {
	path, _, _ := strings.Cut(p.target, "?")
	words := strings.FieldsFunc(strings.ToLower(p.method+" "+path), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "_")
}

// longestExpected is the most that a test expects of an answer.
const longestExpected = 8 << 10

func (p paste) jsonAnswer() []byte {
	text := bytes.TrimSpace(p.answer)
	if len(text) == 0 || len(text) > longestExpected || text[0] != '{' && text[0] != '[' || !json.Valid(text) {
		return nil
	}
	return text
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"python": quotePython, "pythonBytes": bytesPython, "variable": variable, "camel": camel,
	"go": strconv.QuoteToASCII, "goBytes": func(b []byte) string { return strconv.QuoteToASCII(string(b)) },
}).Parse(pytestTemplate + goTemplate))

const pytestTemplate = `{{define "pytest"}}import http.client
import json
import os

ADDRESS = os.environ.get("ADDRESS", {{python .Address}})


{{.Remark}}def test_{{.Name}}():
    connection = http.client.HTTPConnection(ADDRESS, timeout=30)
    connection.putrequest({{python .Method}}, {{python .Target}}, skip_accept_encoding=True)
{{- range .Headers}}
    connection.putheader({{python .Name}}, {{if .Hidden}}os.environ[{{python (variable .Name)}}]{{else}}{{python .Value}}{{end}})
{{- end}}
{{- if .Body}}
    body = {{pythonBytes .Body}}
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
{{- else}}
    connection.endheaders()
{{- end}}
    response = connection.getresponse()
    content = response.read()
    assert response.status == {{.Status}}, content[:500]
{{- if .JSON}}
    assert json.loads(content) == json.loads({{pythonBytes .JSON}})
{{- end}}
{{end}}`

const goTemplate = `{{define "go"}}package main

import (
{{- if .JSON}}
	"encoding/json"
{{- end}}
	"io"
	"net/http"
{{- if .Environment}}
	"os"
{{- end}}
{{- if .JSON}}
	"reflect"
{{- end}}
	"strings"
	"testing"
)

{{.Remark}}func Test{{camel .Name}}(t *testing.T) {
	request, err := http.NewRequest({{go .Method}}, {{go (print "http://" .Address .Target)}}, strings.NewReader({{goBytes .Body}}))
	if err != nil {
		t.Fatal(err)
	}
{{- range .Headers}}
	request.Header.Add({{go .Name}}, {{if .Hidden}}os.Getenv({{go (variable .Name)}}){{else}}{{go .Value}}{{end}})
{{- end}}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != {{.Status}} {
		t.Fatalf("status %d, %v: %.500s", response.StatusCode, err, content)
	}
{{- if .JSON}}
	var got, want any
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte({{goBytes .JSON}}), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s", content)
	}
{{- end}}
}
{{end}}`

func (p paste) pytest() string {
	if p.direct {
		return "# " + noRequest
	}
	return render("pytest", p.test("# "))
}

func (p paste) goTest() string {
	if p.direct {
		return "// " + noRequest
	}
	return render("go", p.test("// "))
}

func render(name string, data test) string {
	var text strings.Builder
	if err := templates.ExecuteTemplate(&text, name, data); err != nil {
		return "write the test: " + err.Error() + "\n"
	}
	return text.String()
}

// camel is the name of a test in Go.
func camel(name string) string {
	var text strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		text.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return text.String()
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
