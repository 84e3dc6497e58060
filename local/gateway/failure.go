package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"lambda-web/local/sandbox"
)

// failure is an answer the gateway makes itself. The spelling of the bodies differs by origin, a space after the colon
// for integrations and none for the front line, and clients are known to compare bytes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
type failure struct {
	status    int
	errorType string // x-amzn-ErrorType
	body      string
	bare      bool // plain text without the gateway's headers
	gone      bool // there is nobody to answer
	// responseType is $context.error.responseType.
	responseType string
	// cause goes to the log, never to the client.
	cause error
}

// because is the failure with its cause.
func (f failure) because(format string, arguments ...any) *failure {
	f.cause = fmt.Errorf(format, arguments...)
	return &f
}

// formatted fills the figures of the body in.
func (f failure) formatted(arguments ...any) failure {
	f.body = fmt.Sprintf(f.body, arguments...)
	return f
}

var (
	failMissingToken = failure{
		status: http.StatusForbidden, errorType: "MissingAuthenticationTokenException",
		body: `{"message":"Missing Authentication Token"}`, responseType: "MISSING_AUTHENTICATION_TOKEN",
	}
	failForbidden = failure{
		status: http.StatusForbidden, errorType: "ForbiddenException", body: `{"message":"Forbidden"}`,
		responseType: "ACCESS_DENIED",
	}
	failBodyTooLarge = failure{
		status: http.StatusRequestEntityTooLarge, body: "HTTP content length exceeded %d bytes.", bare: true,
		responseType: "REQUEST_TOO_LARGE",
	}
	failEventTooLarge = failure{
		status: http.StatusRequestEntityTooLarge, errorType: "BadRequestException",
		body: `{"message": "Request Too Long"}`, responseType: "REQUEST_TOO_LARGE",
	}
	failMalformed = failure{
		status: http.StatusBadGateway, errorType: "InternalServerErrorException",
		body: `{"message": "Internal server error"}`, responseType: "DEFAULT_5XX",
	}
	failIntegration = failure{
		status: http.StatusInternalServerError, errorType: "InternalServerErrorException",
		body: `{"message": "Internal server error"}`, responseType: "API_CONFIGURATION_ERROR",
	}
	failTimeout = failure{
		status: http.StatusGatewayTimeout, errorType: timeoutErrorType,
		body: `{"message": "Endpoint request timed out"}`, responseType: "INTEGRATION_TIMEOUT",
	}
	// failFunctionThrottled answers a request for which Lambda had no free sandbox: it has refused to invoke.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html
	failFunctionThrottled = failIntegration
	failTooManyRequests   = failure{
		status: http.StatusTooManyRequests, errorType: "TooManyRequestsException",
		body: `{"message":"Too Many Requests"}`, responseType: "THROTTLED",
	}
)

// refuse answers with a failure.
func (x *exchange) refuse(f *failure) {
	x.failed = f
	if f.gone {
		x.status = f.status
		x.api.config.Log.Info(f.cause.Error(), "requestId", x.requestID, "method", x.r.Method, "path",
			x.target.contextPath)
		return
	}
	x.api.config.Log.Warn("gateway answered in place of the function", "requestId", x.requestID,
		"method", x.r.Method, "path", x.target.contextPath, "status", f.status, "cause", f.cause)
	h := x.w.Header()
	if f.bare {
		h["Content-Type"] = []string{"text/plain"}
	} else {
		h["Content-Type"] = []string{"application/json"}
		h["x-amzn-ErrorType"] = []string{f.errorType}
		x.addIDs(h)
		x.api.document.responses.add(h, x.r, f.status)
	}
	x.send(f.status, []byte(f.body))
}

// addIDs names the request to the client.
func (x *exchange) addIDs(h http.Header) {
	h["x-amzn-RequestId"] = []string{x.requestID}
	h["x-amz-apigw-id"] = []string{x.extendedRequestID}
}

// send writes a whole response whose headers are set.
func (x *exchange) send(status int, body []byte) {
	x.status, x.observed.firstByte = status, time.Now()
	x.responseLength = writeWhole(x.w, x.r, status, body)
	x.observed.answer = sandbox.BodyOf(body[:x.responseLength])
}

// writeWhole writes a response and says how many bytes of the body went out. HEAD, 204 and 304 have no body (RFC 9110
// section 6.4.1).
func writeWhole(w http.ResponseWriter, r *http.Request, status int, body []byte) int64 {
	h := w.Header()
	h["Connection"] = []string{"keep-alive"}
	bodiless := status == http.StatusNoContent || status == http.StatusNotModified
	if !bodiless {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if bodiless || r.Method == http.MethodHead {
		return 0
	}
	// A write fails when the client has gone; there is nobody left to tell.
	n, _ := w.Write(body)
	return int64(n)
}
