package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signature is what a request says about how it is signed (Signature Version 4).
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type signature struct {
	accessKeyID, date, region, service, terminator string
	signedHeaders                                  []string // lower case, sorted
	value                                          string   // hexadecimal
	timestamp                                      string   // as in the string to sign
	token                                          string
	presigned                                      bool
	expires                                        string // X-Amz-Expires of a presigned request
}

const (
	algorithm   = "AWS4-HMAC-SHA256"
	basicISO    = "20060102T150405Z"
	clockWindow = 5 * time.Minute
)

// isSignature tells a Signature Version 4 Authorization header from others.
func isSignature(authorization string) bool {
	return authorization == algorithm || strings.HasPrefix(authorization, algorithm+" ")
}

// refuseSignature is a failure of authentication, with its message in the body.
func refuseSignature(errorType, responseType, format string, arguments ...any) *failure {
	message := fmt.Sprintf(format, arguments...)
	body := append(appendString([]byte(`{"message":`), message), '}')
	return failure{
		status: http.StatusForbidden, errorType: errorType, body: string(body), responseType: responseType,
	}.because("%s", message)
}

func incompleteSignature(format string, arguments ...any) *failure {
	return refuseSignature("IncompleteSignatureException", "INVALID_SIGNATURE", format, arguments...)
}

func invalidSignature(format string, arguments ...any) *failure {
	return refuseSignature("InvalidSignatureException", "INVALID_SIGNATURE", format, arguments...)
}

func unknownToken() *failure {
	return refuseSignature("UnrecognizedClientException", "ACCESS_DENIED",
		"The security token included in the request is invalid.")
}

// refuseForeignAuthorization answers an Authorization header that is not a signature where only one would be
// understood.
func refuseForeignAuthorization(authorization string) *failure {
	if authorization == "" || isSignature(authorization) {
		return nil
	}
	_, failed := parseAuthorization(authorization, "")
	return failed
}

// parseAuthorization reads an Authorization header; timestamp is the request's X-Amz-Date or Date.
func parseAuthorization(header, timestamp string) (signature, *failure) {
	scheme, rest, _ := strings.Cut(header, " ")
	if strings.HasPrefix(scheme, "AWS4-") && scheme != algorithm {
		return signature{}, incompleteSignature("Unsupported AWS 'algorithm': '%s'.", scheme)
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(rest, ",") {
		pair = strings.TrimSpace(pair)
		key, value, ok := strings.Cut(pair, "=")
		if !ok && pair != "" {
			return signature{}, incompleteSignature("%s", missingEqualSign(pair, header))
		}
		values[key] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if values[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if timestamp == "" {
		missing = append(missing,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return signature{}, incompleteSignature("%s %s", strings.Join(missing, " "), authorizationEcho(header))
	}
	s := signature{value: values["Signature"]}
	return s.complete(values["Credential"], values["SignedHeaders"], timestamp)
}

// parsePresigned reads the query form.
func parsePresigned(query map[string]string) (signature, *failure) {
	if kind := query["X-Amz-Algorithm"]; kind != algorithm {
		return signature{}, incompleteSignature("Unsupported AWS 'algorithm': '%s'.", kind)
	}
	var missing []string
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if query[name] == "" {
			missing = append(missing, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if missing != nil {
		return signature{}, incompleteSignature("%s Re-examine the query-string parameters.", strings.Join(missing,
			" "))
	}
	s := signature{value: query["X-Amz-Signature"], token: query["X-Amz-Security-Token"], presigned: true,
		expires: query["X-Amz-Expires"]}
	return s.complete(query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], query["X-Amz-Date"])
}

// complete divides the parameters both forms have.
func (s signature) complete(credential, signedHeaders, timestamp string) (signature, *failure) {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 {
		return signature{}, incompleteSignature(
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'",
			credential)
	}
	s.accessKeyID, s.date, s.region, s.service, s.terminator = scope[0], scope[1], scope[2], scope[3], scope[4]
	s.signedHeaders = strings.Split(strings.ToLower(signedHeaders), ";")
	slices.Sort(s.signedHeaders)
	s.timestamp = timestamp
	return s, nil
}

// identify verifies the signature of a request and says whose it is. path and query are as the client sent them.
func (g *guard) identify(r *http.Request, path, query string, body []byte) (*principal, *failure) {
	s, failed := readSignature(r, query)
	if failed != nil {
		return nil, failed
	}
	if failed := g.checkScope(s); failed != nil {
		return nil, failed
	}
	if failed := s.checkClock(g.now()); failed != nil {
		return nil, failed
	}
	caller := g.byKey[s.accessKeyID]
	if caller == nil || subtle.ConstantTimeCompare([]byte(caller.SessionToken), []byte(s.token)) == 0 {
		return nil, unknownToken()
	}
	if !caller.Expires.IsZero() && !g.now().Before(caller.Expires) {
		return nil, refuseSignature("ExpiredTokenException", "EXPIRED_TOKEN",
			"The security token included in the request is expired")
	}
	return caller, s.verify(caller.SecretAccessKey, r, path, query, body)
}

// readSignature finds the signature in the header or in the query.
func readSignature(r *http.Request, query string) (signature, *failure) {
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		timestamp, failed := signedTimestamp(r.Header)
		if failed != nil && isSignature(authorization) {
			return signature{}, failed
		}
		s, failed := parseAuthorization(authorization, timestamp)
		s.token = r.Header.Get("X-Amz-Security-Token")
		return s, failed
	}
	parameters := map[string]string{}
	for _, p := range parseQuery(query) {
		parameters[p.name] = p.values[len(p.values)-1]
	}
	if parameters["X-Amz-Algorithm"] == "" && parameters["X-Amz-Signature"] == "" {
		return signature{}, failMissingToken.because("the method asks for AWS_IAM and the request is not signed")
	}
	return parsePresigned(parameters)
}

// signedTimestamp is X-Amz-Date, or Date in the form the string to sign has.
func signedTimestamp(h http.Header) (string, *failure) {
	text := h.Get("X-Amz-Date")
	if text == "" {
		text = h.Get("Date")
		if moment, err := http.ParseTime(text); err == nil {
			return moment.UTC().Format(basicISO), nil
		}
	}
	if text == "" {
		return "", nil
	}
	if _, err := time.Parse(basicISO, text); err != nil {
		return "", incompleteSignature("Date must be in ISO-8601 'basic format'. Got '%s'. See "+
			"http://en.wikipedia.org/wiki/ISO_8601", text)
	}
	return text, nil
}

func (g *guard) checkScope(s signature) *failure {
	switch {
	case s.region != g.region:
		return invalidSignature("Credential should be scoped to a valid region, not '%s'.", s.region)
	case s.service != g.service:
		return invalidSignature("Credential should be scoped to correct service: '%s'.", g.service)
	case s.terminator != "aws4_request":
		return invalidSignature("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.",
			s.terminator)
	case !strings.HasPrefix(s.timestamp, s.date+"T"):
		day, _, _ := strings.Cut(s.timestamp, "T")
		return invalidSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "+
			"date from HTTP: '%s' != '%s', from '%s'.",
			s.date, day, s.timestamp)
	case !slices.Contains(s.signedHeaders, "host") && !slices.Contains(s.signedHeaders, ":authority"):
		return invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// checkClock holds the timestamp against the clock.
func (s signature) checkClock(now time.Time) *failure {
	signed, err := time.Parse(basicISO, s.timestamp)
	if err != nil {
		return incompleteSignature("Date must be in ISO-8601 'basic format'. Got '%s'. See "+
			"http://en.wikipedia.org/wiki/ISO_8601", s.timestamp)
	}
	lifetime := clockWindow
	if s.expires != "" {
		const week = 7 * 24 * 60 * 60
		seconds, err := strconv.Atoi(s.expires)
		if err != nil || seconds < 1 || seconds > week {
			return incompleteSignature("X-Amz-Expires must be a number between 1 and %d seconds, not '%s'.", week,
				s.expires)
		}
		lifetime = time.Duration(seconds) * time.Second
	}
	now = now.UTC().Truncate(time.Second)
	if oldest := now.Add(-lifetime); signed.Before(oldest) {
		return invalidSignature("Signature expired: %s is now earlier than %s (%s - %s)",
			s.timestamp, oldest.Format(basicISO), now.Format(basicISO), windowText(lifetime))
	}
	if newest := now.Add(clockWindow); signed.After(newest) {
		return invalidSignature("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			s.timestamp, newest.Format(basicISO), now.Format(basicISO))
	}
	return nil
}

// verify compares the signature with the one the secret makes, for each canonical form that known clients use.
func (s signature) verify(secret string, r *http.Request, path, query string, body []byte) *failure {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	const unsigned = "UNSIGNED-PAYLOAD"
	if acceptUnsignedPayload && r.Header.Get("X-Amz-Content-Sha256") == unsigned && slices.Contains(s.signedHeaders,
		"x-amz-content-sha256") {
		hash = unsigned
	}
	key := s.signingKey(secret)
	variants := canonicalRequests(s, r, path, query, hash)
	for _, canonical := range variants {
		signed := hex.EncodeToString(keyed(key, s.stringToSign(canonical)))
		if subtle.ConstantTimeCompare([]byte(signed), []byte(s.value)) == 1 {
			return nil
		}
	}
	return invalidSignature("The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
		"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
		variants[0], s.stringToSign(variants[0]))
}

func (s signature) stringToSign(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return algorithm + "\n" + s.timestamp + "\n" + s.date + "/" + s.region + "/" + s.service + "/" + s.terminator +
		"\n" + hex.EncodeToString(sum[:])
}

// signingKey is the secret bound to day, region and service.
func (s signature) signingKey(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = keyed(key, part)
	}
	return key
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// authorizationHash is how messages show a header without repeating it.
func authorizationHash(header string) string {
	sum := sha256.Sum256([]byte(header))
	return base64.StdEncoding.EncodeToString(sum[:])
}
