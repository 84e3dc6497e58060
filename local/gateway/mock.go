package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mock is an answer that the gateway makes without a function, as CORS preflight requests get it.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
type mock struct {
	status  int
	headers map[string]string
	// origins are answered with themselves in Access-Control-Allow-Origin.
	origins []string
}

// mockKeys are the members of a mock integration that the gateway follows. What its templates have of a body is not
// sent here, so how bytes become text makes no difference.
var mockKeys = []string{"type", "passthroughBehavior", "requestTemplates", "contentHandling", "responses"}

// mock reads a mock integration: its request template has a status, and the one response mapped to it has headers and,
// if need be, the template below.
func (p *documentParser) mock(f *fields) *mock {
	for _, key := range f.keys() {
		if !slices.Contains(mockKeys, key) {
			p.problem(f.at(key), "this member of a mock integration is not realised on this machine")
		}
	}
	var requests map[string]string
	var request struct{ StatusCode int }
	p.value(f, "requestTemplates", &requests)
	if json.Unmarshal([]byte(requests["application/json"]), &request) != nil || request.StatusCode < 200 ||
		request.StatusCode > 599 {
		p.problem(f.at("requestTemplates"), `only application/json with {"statusCode": ...} is realised`)
	}
	var responses map[string]struct {
		StatusCode         string
		ResponseParameters map[string]string
		ResponseTemplates  map[string]string
	}
	p.value(f, "responses", &responses)
	answer, ok := responses["default"]
	made := &mock{headers: map[string]string{}}
	if made.status, _ = strconv.Atoi(answer.StatusCode); !ok || len(responses) > 1 ||
		made.status != request.StatusCode {
		p.problem(f.at("responses"), "one response is realised, default, with the status of the request template")
	}
	for name, value := range answer.ResponseParameters {
		header, isHeader := strings.CutPrefix(name, "method.response.header.")
		text, isText := quotedText(value)
		if !isHeader || !isText {
			p.problem(f.at("responses.default.responseParameters"),
				"%s: only headers with a text in single quotes are realised", name)
		}
		made.headers[header] = text
	}
	for kind, template := range answer.ResponseTemplates {
		if made.origins = originsOf(template); kind != "application/json" || made.origins == nil {
			p.problem(f.at("responses.default.responseTemplates"),
				"only a template that answers origins with themselves is realised")
		}
	}
	return made
}

// quotedText is a mapping's text without its quotes.
func quotedText(value string) (string, bool) {
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return "", false
	}
	return value[1 : len(value)-1], true
}

// The template with which several origins are answered, in the form the program writes it.
var (
	originTemplate = regexp.MustCompile(`^#set\(\$origin = \$input\.params\("Origin"\)\)\n` +
		`#if\(\$origin == ""\)#set\(\$origin = \$input\.params\("origin"\)\)#end\n` +
		`#if\((\$origin == "[^"$#\\]+"(?: \|\| \$origin == "[^"$#\\]+")*)\)` +
		`#set\(\$context\.responseOverride\.header\.Access-Control-Allow-Origin = \$origin\)#end$`)
	originOfTemplate = regexp.MustCompile(`"([^"]+)"`)
)

// originsOf are the origins in such a template, or nil.
func originsOf(template string) []string {
	form := originTemplate.FindStringSubmatch(template)
	if form == nil {
		return nil
	}
	var origins []string
	for _, origin := range originOfTemplate.FindAllStringSubmatch(form[1], -1) {
		origins = append(origins, origin[1])
	}
	return origins
}

// answer sends a mock's answer.
func (x *exchange) answer(m *mock) {
	h := x.w.Header()
	h["Content-Type"] = []string{"application/json"}
	x.addIDs(h)
	for name, value := range m.headers {
		h[name] = []string{value}
	}
	if origin := x.r.Header.Get("Origin"); slices.Contains(m.origins, origin) {
		h["Access-Control-Allow-Origin"] = []string{origin}
	}
	x.send(m.status, nil)
}

// gatewayResponses are the headers that the API adds to answers of the gateway's own, by DEFAULT_4XX and DEFAULT_5XX.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
type gatewayResponses map[string]map[string]string

const requestHeader = "method.request.header."

func (p *documentParser) gatewayResponses(f *fields) gatewayResponses {
	var given map[string]map[string]json.RawMessage
	responses := gatewayResponses{}
	p.value(f, extension+"gateway-responses", &given)
	for kind, members := range given {
		where := f.at(extension + "gateway-responses." + kind)
		if kind != "DEFAULT_4XX" && kind != "DEFAULT_5XX" {
			p.problem(where, "only DEFAULT_4XX and DEFAULT_5XX are realised")
		}
		var parameters map[string]string
		if json.Unmarshal(members["responseParameters"], &parameters) != nil || len(members) != 1 {
			p.problem(where, "only responseParameters are realised")
		}
		responses[kind] = map[string]string{}
		for name, value := range parameters {
			header, isHeader := strings.CutPrefix(name, "gatewayresponse.header.")
			if _, isText := quotedText(value); !isHeader || !isText && !strings.HasPrefix(value, requestHeader) {
				p.problem(where,
					"%s: only headers with a text in single quotes or a header of the request are realised", name)
			}
			responses[kind][header] = value
		}
	}
	return responses
}

// add puts the headers for a status on an answer.
func (g gatewayResponses) add(h http.Header, r *http.Request, status int) {
	kind := "DEFAULT_4XX"
	if status >= 500 {
		kind = "DEFAULT_5XX"
	}
	for name, value := range g[kind] {
		if asked, mapped := strings.CutPrefix(value, requestHeader); mapped {
			value = r.Header.Get(asked)
		} else {
			value, _ = quotedText(value)
		}
		if value != "" {
			h[name] = []string{value}
		}
	}
}
