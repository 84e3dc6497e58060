package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// HTTPEvent is an HTTP API event with payload format 2.0 and a text body.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func HTTPEvent(method, path, body string) string {
	return event20(method, path, body, "api.example.com", "abc123.execute-api.us-east-1.amazonaws.com")
}

// URLEvent is a function URL event with a text body.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func URLEvent(method, path, body string) string {
	return event20(method, path, body, "u1.lambda-url.us-east-1.on.aws", "u1.lambda-url.us-east-1.on.aws")
}

func event20(method, path, body, host, domain string) string {
	return fmt.Sprintf(`{"version":"2.0","routeKey":"$default","rawPath":%[2]s,"rawQueryString":"","headers":{"host":%[4]s},`+
		`"requestContext":{"accountId":"111122223333","apiId":"abc123","domainName":%[5]s,`+
		`"http":{"method":%[1]s,"path":%[2]s,"protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"t"},"requestId":"r2",`+
		`"stage":"$default"},"body":%[3]s,"isBase64Encoded":false}`, quote(method), quote(path), quote(body),
		quote(host), quote(domain))
}

// Binary gives an event with an empty body a body in base64.
func Binary(event string, body []byte) string {
	event = strings.Replace(event, `"body":""`, `"body":"`+base64.StdEncoding.EncodeToString(body)+`"`, 1)
	return strings.Replace(event, `"isBase64Encoded":false`, `"isBase64Encoded":true`, 1)
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always has JSON
	return string(text)
}

// withHeader adds a header field to an event.
func withHeader(event, name, value string) string {
	return strings.Replace(event, `"headers":{`, `"headers":{`+quote(name)+`:`+quote(value)+`,`, 1)
}
