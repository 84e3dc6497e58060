// Package policy says what may cross between a client and the app: which header fields, in both
// directions, and which paths.
package policy

// rule is what becomes of a field.
type rule uint8

const (
	passes   rule = iota
	oneHop        // it stays, being about one connection (RFC 9110 section 7.6.1)
	reserved      // it stays: nobody but the adapter says this
	prefix        // reserved where the adapter tells the app its prefix, or that it has none
	front         // reserved where a distribution in front says it
	gateway       // it passes in the gateway's spelling alone
)

// fields is the whole policy. A field that is not in it passes.
//
// Servers that hand fields on as variables (CGI, WSGI, PHP) do not tell X_Amz_Tenant_Id from
// X-Amz-Tenant-Id. So a client's field is looked up by its folded name, in which every character
// but letters and digits is a hyphen.
var fields = [...]struct {
	name                string // folded; all names that begin so, if it ends in a hyphen
	fromClient, fromApp rule
}{
	// Between client and gateway, or between app and adapter. What a client's Connection lists is no
	// business of ours: the gateway was the hop, and took it off.
	{"connection", oneHop, oneHop},
	{"keep-alive", oneHop, oneHop},
	{"proxy-connection", oneHop, oneHop},
	{"te", oneHop, oneHop},
	{"trailer", oneHop, oneHop},
	{"transfer-encoding", oneHop, oneHop},
	{"upgrade", oneHop, oneHop},
	{"expect", oneHop, passes},
	// The body comes in an event, decoded here. How the app's is treated depends on its framing, which
	// package reply knows.
	{"content-length", reserved, passes},
	// What the app may believe, because nobody else can say it.
	{"x-amzn-request-context", reserved, passes},
	{"x-amzn-lambda-context", reserved, passes},
	{"x-amz-tenant-id", reserved, passes},
	{"x-lambda-web-schedule", reserved, passes},
	// They decide about the links that others get. SCRIPT_NAME is gunicorn's.
	{"x-forwarded-prefix", prefix, passes},
	{"script-name", prefix, passes},
	{FrontSecret, front, passes},
	{"x-forwarded-host", front, passes},
	{"forwarded", front, passes},
	// Set by API Gateway, load balancers and CloudFront over whatever the client sent by that name.
	{"x-forwarded-", gateway, passes},
	{"x-amzn-", gateway, passes},
	{"x-amz-", gateway, passes},
	{"cloudfront-", gateway, passes},
}

// FrontSecret is the field by which a distribution in front of the API proves that a request comes
// from it.
const FrontSecret = "x-lambda-web-front"

// Told is what the adapter tells the app itself, so that no client may.
type Told struct {
	Prefix bool // what stands before the app's path in the URL
	Front  bool // what a distribution in front says: host, scheme, no prefix
}

// beginnings is how many of the rows, the last ones, have a beginning in the place of a name.
const beginnings = 4

// byLength are the rows with a whole name of each length.
var byLength [len("x-amzn-request-context") + 1][]int

func init() {
	for i := range len(fields) - beginnings {
		length := len(fields[i].name)
		byLength[length] = append(byLength[length], i)
	}
}

// FromClient reports whether a client's field may reach the app. The name is in lower case.
func FromClient(name []byte, told Told) bool {
	if len(name) < len(byLength) {
		for _, i := range byLength[len(name)] {
			if !beginsFolded(name, fields[i].name) {
				continue
			}
			switch fields[i].fromClient {
			case passes:
				return true
			case prefix:
				return !told.Prefix && !told.Front
			case front:
				return !told.Front && passesByBeginning(name)
			}
			return false
		}
	}
	return passesByBeginning(name)
}

// passesByBeginning applies the rows that have a beginning.
func passesByBeginning(name []byte) bool {
	for i := len(fields) - beginnings; i < len(fields); i++ {
		if beginsFolded(name, fields[i].name) {
			return isHyphenated(name)
		}
	}
	return true
}

// IsFrontSecret reports whether a server could take a field of this name for FrontSecret. The name
// is in lower case.
func IsFrontSecret(name []byte) bool {
	return len(name) == len(FrontSecret) && beginsFolded(name, FrontSecret)
}

// FromApp reports whether a field of the app's may reach the client. The name is in lower case.
func FromApp(name []byte) bool {
	if len(name) < len(byLength) {
		for _, i := range byLength[len(name)] {
			if string(name) == fields[i].name {
				return fields[i].fromApp == passes
			}
		}
	}
	return true
}

// beginsFolded reports whether a name begins with one of the table's, once it is folded.
func beginsFolded(name []byte, folded string) bool {
	if len(name) < len(folded) {
		return false
	}
	for i := range len(folded) {
		if name[i] != folded[i] && (folded[i] != '-' || isAlphanumeric(name[i])) {
			return false
		}
	}
	return true
}

func isHyphenated(name []byte) bool {
	for _, b := range name {
		if b != '-' && !isAlphanumeric(b) {
			return false
		}
	}
	return true
}

func isAlphanumeric(b byte) bool { return b-'a' < 26 || b-'0' <= 9 }
