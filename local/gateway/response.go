package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer is what a function wants the client to get.
type answer struct {
	status  int
	headers []field // multiValueHeaders with headers behind, each name once
	cookies []string
	body    []byte
	base64  bool
}

// dialect is what differs between the shapes of answers.
type dialect struct {
	// cookies allows the member of that name.
	cookies bool
	// listsInHeaders allows lists as values of headers.
	listsInHeaders bool
	// withoutBody refuses the members that are not metadata.
	withoutBody bool
}

var (
	// proxyAnswer is the output of a Lambda proxy integration.
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
	proxyAnswer = dialect{}
	// streamPrelude is the metadata at the head of a streamed answer. Runtimes write lists into headers.
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
	streamPrelude = dialect{cookies: true, listsInHeaders: true, withoutBody: true}
)

// parseAnswer reads an answer as strictly as the service does: scalars become what is wanted where that is possible,
// anything else is an error that says what is wrong.
func parseAnswer(payload []byte, d dialect) (answer, error) {
	p := answerParser{json: jsonReader{data: payload}, dialect: d, answer: answer{status: http.StatusOK}}
	if p.json.kind() != '{' {
		return answer{}, errors.New("the answer is not a JSON object")
	}
	if err := p.json.object(p.member); err != nil {
		return answer{}, err
	}
	if err := p.json.end(); err != nil {
		return answer{}, err
	}
	if !acceptStatus(p.answer.status) {
		return answer{}, fmt.Errorf("statusCode %d is not one a response can have", p.answer.status)
	}
	if err := p.merge(); err != nil {
		return answer{}, err
	}
	return p.answer, nil
}

type answerParser struct {
	json          jsonReader
	dialect       dialect
	answer        answer
	single, multi []field
}

func (p *answerParser) member(name string) (err error) {
	switch {
	case name == "statusCode":
		err = p.status()
	case name == "headers":
		p.single, err = p.headers(p.dialect.listsInHeaders, true)
	case name == "multiValueHeaders":
		p.multi, err = p.headers(true, false)
	case name == "cookies" && p.dialect.cookies:
		p.answer.cookies, err = p.list()
	case name == "body" && !p.dialect.withoutBody:
		p.answer.body, _, err = p.scalar()
	case (name == "isBase64Encoded" || name == "base64Encoded") && !p.dialect.withoutBody:
		p.answer.base64, err = p.boolean()
	default:
		return fmt.Errorf("%q is not a member of an answer", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *answerParser) status() error {
	text, kind, err := p.scalar()
	if err != nil || kind == 'n' {
		return err
	}
	code, err := strconv.Atoi(string(text))
	if err != nil && kind == '0' { // 200.0 and 2e2 are integers too
		var number float64
		if number, err = strconv.ParseFloat(string(text), 64); err == nil && number != math.Trunc(number) {
			err = strconv.ErrSyntax
		}
		code = int(math.Max(-1, math.Min(number, 1e6)))
	}
	if err != nil {
		return fmt.Errorf("%q is not a status code", clip(text))
	}
	p.answer.status = code
	return nil
}

func (p *answerParser) boolean() (bool, error) {
	text, kind, err := p.scalar()
	switch {
	case err != nil || kind == 'n':
		return false, err
	case strings.EqualFold(string(text), "true"):
		return true, nil
	case strings.EqualFold(string(text), "false"):
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", clip(text))
}

// scalar reads text, or what becomes text. Null is an empty text.
func (p *answerParser) scalar() (text []byte, kind byte, err error) {
	text, kind, err = p.json.scalar()
	switch kind {
	case '{', '[':
		return nil, kind, errors.New("an object or a list, where a single value belongs")
	case 'n':
		return nil, kind, err
	}
	return text, kind, err
}

// headers reads a map of names to values, to lists of values, or to both.
func (p *answerParser) headers(lists, singles bool) ([]field, error) {
	if p.json.kind() == 'n' {
		return nil, p.json.skip()
	}
	var read []field
	err := p.json.object(func(name string) (err error) {
		f := field{name: name}
		switch kind := p.json.kind(); {
		case kind == '[' && !lists, kind == '"' && !singles:
			err = errors.New("the value has the wrong kind: headers have single values, multiValueHeaders lists")
		case kind == '[' || !singles:
			f.values, err = p.list()
		default:
			f.values, err = p.headerValue(nil)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", clip(name), err)
		}
		read = append(read, f)
		return nil
	})
	return read, err
}

// list reads a list of values; null is an empty one.
func (p *answerParser) list() (values []string, err error) {
	if p.json.kind() == 'n' {
		return nil, p.json.skip()
	}
	err = p.json.array(func() (err error) {
		values, err = p.headerValue(values)
		return err
	})
	return values, err
}

// headerValue reads one value and adds it to the others.
func (p *answerParser) headerValue(values []string) ([]string, error) {
	text, kind, err := p.json.scalar()
	switch {
	case err != nil:
		return nil, err
	case kind == 'n' && !acceptNullAsHeader:
		return nil, errors.New("the value is null")
	case kind == 'n':
		return values, nil
	case kind == '0' && !acceptNumberAsHeader:
		return nil, errors.New("the value is a number")
	}
	return append(values, string(text)), nil
}

// merge puts the single values behind the lists, under the lists' spelling of a name. A pair that is in both is sent
// once.
func (p *answerParser) merge() error {
	index := make(map[string]int, len(p.multi)+len(p.single))
	for i, f := range slices.Concat(p.multi, p.single) {
		for _, value := range f.values {
			if !acceptHeader(f.name, value) {
				return fmt.Errorf("header %q has a name or a value that HTTP has no line for", clip(f.name))
			}
		}
		key := strings.ToLower(f.name)
		at, seen := index[key]
		switch {
		case len(f.values) == 0:
		case !seen:
			index[key] = len(p.answer.headers)
			p.answer.headers = append(p.answer.headers, f)
		case i >= len(p.multi) && slices.Contains(p.answer.headers[at].values, f.values[0]):
		default:
			merged := &p.answer.headers[at]
			merged.values = append(merged.values, f.values...)
		}
	}
	for _, cookie := range p.answer.cookies {
		if !acceptHeader("Set-Cookie", cookie) {
			return errors.New("a cookie has a value that HTTP has no line for")
		}
	}
	return nil
}

// isToken says whether a byte may stand in a field name (RFC 9110 section 5.6.2).
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// clip keeps messages short.
// reason is why a function failed, from the document it posted: its error's type and message, or what there is.
func reason(document []byte) string {
	const most = 2000
	var posted struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(document, &posted) != nil || posted.ErrorMessage == "" {
		if len(document) > most {
			return string(document[:most]) + "..."
		}
		return string(document)
	}
	if posted.ErrorType == "" {
		return posted.ErrorMessage
	}
	return posted.ErrorType + ": " + posted.ErrorMessage
}

func clip[T string | []byte](s T) string {
	const most = 60
	if len(s) > most {
		return string(s[:most]) + "..."
	}
	return string(s)
}

// remappedHeaders come out as x-amzn-Remapped-<name>.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
var remappedHeaders = map[string]string{}

func init() {
	for _, name := range []string{
		"Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards",
		"Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate",
	} {
		remappedHeaders[strings.ToLower(name)] = "x-amzn-Remapped-" + name
	}
}

// replacedHeaders of an answer are the front's own.
var replacedHeaders = map[string]bool{
	"transfer-encoding": true, "x-amzn-requestid": true, "x-amz-apigw-id": true, "x-amzn-trace-id": true,
	"connection": true, "content-length": true, // where they are not renamed
}

// setHeaders writes an answer's headers in the function's spelling.
func setHeaders(h http.Header, a answer, remap bool) {
	// A key with nothing keeps net/http from adding a second line.
	h["Content-Type"] = nil
	typed := false
	for _, f := range a.headers {
		lower := strings.ToLower(f.name)
		renamed := remappedHeaders[lower]
		switch {
		case remap && renamed != "":
			h[renamed] = f.values
		case replacedHeaders[lower]:
		case lower == "date":
			h["Date"] = f.values // in the spelling net/http knows, or it would add its own
		case lower == "content-type":
			typed = true
			h[f.name] = f.values[len(f.values)-1:]
		default:
			h[f.name] = f.values
		}
	}
	if !typed {
		h["Content-Type"] = []string{"application/json"}
	}
	if len(a.cookies) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], a.cookies...)
	}
}

// reply answers with what a function returned.
func (x *exchange) reply(payload []byte) *failure {
	a, err := parseAnswer(payload, proxyAnswer)
	if err != nil {
		return failMalformed.because("malformed Lambda proxy response: %w", err)
	}
	if a.base64 && x.acceptsBinary() {
		if a.body, err = base64.StdEncoding.AppendDecode(nil, a.body); err != nil {
			return failIntegration.because("the body is not the base64 text that isBase64Encoded promises: %w", err)
		}
	}
	x.functionStatus = a.status
	h := x.w.Header()
	setHeaders(h, a, true)
	x.addIDs(h)
	h["X-Amzn-Trace-Id"] = []string{x.trace.String()}
	x.send(a.status, a.body)
	return nil
}

// acceptsBinary compares the first media type the client accepts with binaryMediaTypes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
func (x *exchange) acceptsBinary() bool {
	first, _, _ := strings.Cut(x.r.Header.Get("Accept"), ",")
	return matchesMediaType(x.api.document.binaryMediaTypes, mediaType(first))
}
