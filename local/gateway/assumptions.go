package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// What API Gateway does here is not documented and not recorded, or sources disagree. Each decision has one place, so
// that it changes in one place once somebody has seen the service do it. Each names the check of the contract suite
// (docs/contract.md) that would settle it, or why none can.

// failUnknownStage answers a path whose first segment is not the stage. Some sources have Missing Authentication Token.
//
// Check: failures/unknown-stage.
var failUnknownStage = failure{
	status: http.StatusForbidden, errorType: "ForbiddenException", body: `{"message":"Forbidden"}`,
	responseType: "RESOURCE_NOT_FOUND",
}

// failHeadersTooLarge answers headers above the limit. The text is recorded, the status is not.
//
// Check: limits/headers.
var failHeadersTooLarge = failure{
	status: http.StatusRequestHeaderFieldsTooLarge, body: "HTTP header is larger than %d bytes.", bare: true,
	responseType: "BAD_REQUEST_PARAMETERS",
}

// failURLTooLong answers a request target above the limit, and a method ARN above its own.
//
// Check: limits/url.
var failURLTooLong = failure{
	status: http.StatusRequestURITooLong, errorType: "RequestURITooLongException",
	body: `{"message":"Request-URI Too Long"}`, responseType: "BAD_REQUEST_PARAMETERS",
}

// failBodyCutOff answers a body that ends early or is not well-formed chunked coding.
//
// Check: bodies/malformed.
var failBodyCutOff = failure{
	status: http.StatusBadRequest, errorType: "BadRequestException", body: `{"message":"Bad Request"}`,
	responseType: "BAD_REQUEST_BODY",
}

// timeoutErrorType is x-amzn-ErrorType of a 504.
//
// Check: time-outs/integration.
const timeoutErrorType = "InternalServerErrorException"

// failClientLeft is what the log and the access log have of a client that left before its answer, the status that nginx
// and load balancers note. Nothing goes out.
//
// No check: only the access log of the API has it.
var failClientLeft = failure{status: 499, responseType: "CLIENT_LEFT", gone: true}

// sourceARN is what a function's permission sees of a request: its method, and the resource's path as the API
// declares it.
//
// No check: it takes a permission for a part of the paths, which the program does not make.
func sourceARN(api, stage, verb, resource string) string {
	return api + "/" + stage + "/" + verb + resource
}

// collapseTrailingSlashes treats the trailing edge of a path as the leading edge is recorded to be treated: a run of
// slashes counts as one.
//
// Check: paths/slashes-at-the-end.
func collapseTrailingSlashes(path string) string {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == path || trimmed == "" {
		return trimmed
	}
	return trimmed + "/"
}

// bareStagePath is requestContext.path of a request for the stage without a slash behind it: as it was sent.
//
// Check: paths/bare-stage.
func bareStagePath(stage string) string { return "/" + stage }

// headerBytes is the size that counts against the header limit: names and values, without separators.
//
// Check: limits/headers-boundary.
func headerBytes(r *http.Request) int {
	size := len("Host") + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// eventTraceHeader is X-Amzn-Trace-Id in the event: the root alone, or all fields if the client sent a trace header.
//
// No check: the adapter puts the header of the invocation in its place.
func eventTraceHeader(t trace) string {
	if t.sent {
		return t.String()
	}
	return "Root=" + t.root
}

// defaultContentType stands for a missing Content-Type when binaryMediaTypes are compared.
//
// No check: it takes a list of media types other than the program's.
const defaultContentType = "application/json"

// acceptStatus says which status codes of a function pass. 1xx cannot end an HTTP exchange (RFC 9110 section 15.2), and
// above 999 there is no status line.
//
// Check: answers/odd-status.
func acceptStatus(code int) bool { return code >= 200 && code <= 999 }

// acceptNumberAsHeader lets a number as a header value pass as its digits; otherwise the answer is malformed.
//
// No check: the adapter sends texts alone.
const acceptNumberAsHeader = true

// acceptNullAsHeader leaves a header out whose value is null; otherwise the answer is malformed.
//
// No check: the adapter sends texts alone.
const acceptNullAsHeader = true

// acceptHeader says which header lines of a function pass. A name that is not a token and a value with a control
// character make the answer malformed: sending them would let a value begin a new line (RFC 9110 section 5.5).
//
// Check: answers/control-character.
func acceptHeader(name, value string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if !isToken(name[i]) {
			return false
		}
	}
	for i := 0; i < len(value); i++ {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(value)
}

// remapStreamedHeaders applies the renaming of buffered answers to streamed ones.
//
// Check: streaming/renamed.
const remapStreamedHeaders = true

// presignedParameters are those of a presigned request that do not reach the function, as the Authorization header of a
// signed one does not. X-Amz-Date and X-Amz-Security-Token do, as the headers of these names do.
//
// Check: signatures/presigned.
var presignedParameters = []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature",
	"X-Amz-Expires"}

// acceptUnsignedPayload lets a request pass whose signature leaves the body out (x-amz-content-sha256:
// UNSIGNED-PAYLOAD), as S3 does. Otherwise its signature does not match.
//
// Check: signatures/unsigned-payload.
const acceptUnsignedPayload = false

// hashedAuthorization chooses between two recorded wordings: newer deployments show a hash of the Authorization header,
// older ones the header.
//
// Check: signatures/foreign-authorization.
const hashedAuthorization = true

// missingEqualSign is the message about an Authorization header that is no list of key=value pairs.
//
// Check: signatures/foreign-authorization.
func missingEqualSign(pair, header string) string {
	if hashedAuthorization {
		return "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and " +
			"encoded with Base64): '" +
			authorizationHash(header) + "'."
	}
	return "'" + pair + "' not a valid key=value pair (missing equal-sign) in Authorization header: '" + header + "'."
}

// authorizationEcho ends the message about missing parameters.
//
// Check: signatures/missing-parameters.
func authorizationEcho(header string) string {
	if hashedAuthorization {
		return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + authorizationHash(header)
	}
	return "Authorization=" + header
}

// windowText names the lifetime of a signature. Five minutes are recorded, the lifetime of presigned requests is not.
//
// Check: signatures/presigned-expired.
func windowText(lifetime time.Duration) string {
	if lifetime == clockWindow {
		return "5 min."
	}
	return fmt.Sprintf("%d sec.", int(lifetime.Seconds()))
}

// namesAnonymousCallers chooses what is told to somebody who has not signed and whom the API's own policy does not
// let in: who, what and where (recorded), or {"message":"Forbidden"} with ForbiddenException, which other sources
// have.
//
// Check: policy/source-range.
const namesAnonymousCallers = true

// accessRefusalReason ends the message about a refusal. The endings for signed callers are recorded; for anonymous ones
// both the bare message and the one with the explicit deny are.
//
// Check: policy/source-range.
func accessRefusalReason(r permissionRequest, why decision) string {
	switch {
	case why == explicitDeny:
		return " with an explicit deny"
	case r.caller == nil:
		return ""
	}
	return " because no identity-based policy allows the " + r.action + " action"
}
