package evidence

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Redaction replaces what belongs to somebody: names that are known beforehand, and whatever looks like an id, a key, a
// signature, an account, an address or a host of AWS. Where two runs would differ for no reason but the clock or
// chance, it makes them the same.
type Redaction struct {
	known []string // old, new, old, new; the longest first
}

// NewRedaction is one that knows names, each with what stands in its place.
func NewRedaction(names map[string]string) *Redaction {
	var olds []string
	for old := range names {
		if len(old) > 3 { // a shorter one would replace parts of words
			olds = append(olds, old)
		}
	}
	slices.SortFunc(olds, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	r := &Redaction{}
	for _, old := range olds {
		r.known = append(r.known, old, names[old])
	}
	return r
}

// secretHeaders are those whose values never reach a file.
var secretHeaders = []string{"Authorization", "X-Amz-Security-Token", "Proxy-Authorization",
	"X-Amzn-Remapped-Authorization"}

// volatileHeaders have values that are made anew for each answer.
var volatileHeaders = map[string]string{"X-Amz-Apigw-Id": "<id>", "X-Amzn-Requestid": "<id>", "Date": "<date>",
	"X-Amzn-Remapped-Date": "<date>"}

// patterns are tried in this order: what is longer and more certain comes first.
var patterns = []struct {
	find    *regexp.Regexp
	replace string
}{
	{regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"'\\]+`), "$1<secret>"},
	{regexp.MustCompile(`(Signature=)[0-9a-f]{32,}`), "$1<secret>"},
	{regexp.MustCompile(`arn:aws[a-z-]*:(?:iam|sts)::[^\s"'\\]+`), "<principal>"},
	{regexp.MustCompile(`\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|LOCALCLOUD)[A-Z0-9]{8,}(?::[\w+=,.@-]+)?`), "<key>"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`), "<uuid>"},
	{regexp.MustCompile(`\b1-[0-9a-f]{8}-[0-9a-f]{24}\b`), "<trace>"},
	{regexp.MustCompile(`(Parent=)[0-9a-f]{16}\b`), "$1<segment>"},
	{regexp.MustCompile(`(Lineage=)[0-9a-f:|]+`), "$1<lineage>"},
	{regexp.MustCompile(`(\\?"extendedRequestId\\?": ?\\?")[^"\\]*`), "$1<id>"},
	{regexp.MustCompile(`(\\?"(?:apiId|domainPrefix|deploymentId|resourceId)\\?": ?\\?")[^"\\]*`), "$1<id>"},
	{regexp.MustCompile(`(\\?"(?:accountId|principalOrgId|user|caller|userArn)\\?": ?\\?")[^"\\]*`), "$1<account>"},
	{regexp.MustCompile(`[\w.-]+\.amazonaws\.com(?:\.cn)?`), "<host>"},
	{regexp.MustCompile(`\b\d{4}/\d\d/\d\d/\[[^\]]*\][0-9a-f]{32}\b`), "<stream>"},
	{regexp.MustCompile(`\b\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}`), "<time>"},
	{regexp.MustCompile(`(\\n|\b)20\d{6}T\d{6}Z`), "$1<time>"},
	{regexp.MustCompile(`(\\n|\b)20\d{6}(/[a-z0-9-]+/[a-z0-9-]+/aws4_request)`), "$1<day>$2"},
	{regexp.MustCompile(`\b1[6-9]\d{11}\b|\b2\d{12}\b`), "<epoch>"},
	{regexp.MustCompile(`\*{8}\d{4}\b`), "<account>"},
	{regexp.MustCompile(`\b\d{12}\b`), "<account>"},
	{regexp.MustCompile(`(\\n|\b)[0-9a-f]{64}\b`), "$1<hash>"},
	{regexp.MustCompile(`\bverify-[a-z-]+-[0-9a-f]{12}\b`), "<mark>"}, // the suite's own
	{regexp.MustCompile(`<host>:\d{2,5}\b`), "<host>"},
	{regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{2,5})?\b`), "<address>"},
	{regexp.MustCompile(`\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b`), "<address>"},
	{regexp.MustCompile(`\b\d+(?:\.\d+)? ms\b`), "<n> ms"},
	{regexp.MustCompile(`\bMax Memory Used: \d+ MB`), "Max Memory Used: <n> MB"},
}

// Text is a text with everything replaced.
func (r *Redaction) Text(text string) string {
	for i := 0; i < len(r.known); i += 2 {
		text = strings.ReplaceAll(text, r.known[i], r.known[i+1])
	}
	for _, p := range patterns {
		text = p.find.ReplaceAllString(text, p.replace)
	}
	return text
}

func (r *Redaction) record(c Record) Record {
	c.Reasons = r.texts(c.Reasons)
	c.Where = r.Text(c.Where)
	facts := map[string]string{}
	for name, value := range c.Facts {
		facts[name] = r.Text(value)
	}
	c.Facts = facts
	exchanges := make([]Exchange, len(c.Exchanges))
	for i, x := range c.Exchanges {
		exchanges[i] = Exchange{Request: r.message(x.Request), Answer: r.message(x.Answer)}
	}
	c.Exchanges = exchanges
	return c
}

func (r *Redaction) message(m Message) Message {
	m.Line, m.Body, m.Broken = r.Text(m.Line), r.Text(m.Body), r.Text(m.Broken)
	headers := map[string][]string{}
	for name, values := range m.Headers {
		name = http.CanonicalHeaderKey(name)
		switch {
		case slices.Contains(secretHeaders, name):
			headers[name] = []string{"<secret>"}
		case volatileHeaders[name] != "":
			headers[name] = []string{volatileHeaders[name]}
		default:
			headers[name] = r.texts(values)
		}
	}
	m.Headers = headers
	return m
}

func (r *Redaction) texts(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, r.Text(text))
	}
	return all
}
