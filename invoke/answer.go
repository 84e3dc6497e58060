package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
)

// writeRequest shows the request without its body. A session token is as good as a password for some hours, and what
// -v prints ends up in tickets.
func writeRequest(w io.Writer, c *call) {
	fmt.Fprintf(w, "> %s %s\n> Host: %s\n", c.Method, c.URL.RequestURI(), host(c.Request))
	shown := c.Header.Clone()
	if shown.Get("X-Amz-Security-Token") != "" {
		shown.Set("X-Amz-Security-Token", "(left out)")
	}
	writeHeaders(w, "> ", shown)
}

// writeHead shows status and headers of the answer.
func writeHead(w io.Writer, prefix string, answer *http.Response) {
	fmt.Fprintf(w, "%s%s %s\n", prefix, answer.Proto, answer.Status)
	writeHeaders(w, prefix, answer.Header)
}

func writeHeaders(w io.Writer, prefix string, headers http.Header) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			fmt.Fprintf(w, "%s%s: %s\n", prefix, name, value)
		}
	}
	fmt.Fprintln(w, prefix)
}

// explain says what to do about a refusal by API Gateway or Lambda. Those of the app have no X-Amzn-Errortype
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
func explain(answer *http.Response, c *call) string {
	switch answer.Header.Get("X-Amzn-Errortype") {
	case "MissingAuthenticationTokenException":
		if c.service == "" {
			return "the request was not signed, or there is no such stage, path or method; try without -u"
		}
		return "there is no such stage, path or method; check the URL against the stack's url output"
	case "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException":
		return fmt.Sprintf("the request was signed for service %s in %s; check -service, -region, the secret "+
			"key and this machine's clock", c.service, c.region)
	case "UnrecognizedClientException", "ExpiredTokenException", "InvalidClientTokenId":
		return "these credentials are not known or have expired; sign in again, or check AWS_PROFILE and AWS_SESSION_TOKEN"
	case "AccessDeniedException":
		if c.service == "lambda" {
			return "the signature is right, but the caller may not do lambda:InvokeFunctionUrl on this function"
		}
		return "the signature is right, but the caller may not do execute-api:Invoke on this API, or its " +
			"resource policy refuses the call"
	}
	return ""
}
