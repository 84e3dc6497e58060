package request

import (
	"strconv"

	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/rawjson"
)

// Function is what the environment says about the function; it is the same for every invocation.
type Function struct {
	Name      string
	MemoryMB  int
	Version   string
	LogStream string
	LogGroup  string
}

// appendTo writes the env_config member of the Lambda context.
func (f Function) appendTo(dst []byte) []byte {
	dst = append(dst, `"env_config":{"function_name":`...)
	dst = rawjson.AppendASCIIString(dst, []byte(f.Name))
	dst = append(dst, `,"memory":`...)
	dst = strconv.AppendInt(dst, int64(f.MemoryMB), 10)
	dst = append(dst, `,"version":`...)
	dst = rawjson.AppendASCIIString(dst, []byte(f.Version))
	dst = append(dst, `,"log_stream":`...)
	dst = rawjson.AppendASCIIString(dst, []byte(f.LogStream))
	dst = append(dst, `,"log_group":`...)
	dst = rawjson.AppendASCIIString(dst, []byte(f.LogGroup))
	return append(dst, '}')
}

// appendLambdaContext writes the header x-amzn-lambda-context: one line of printable ASCII JSON.
func (c *Composer) appendLambdaContext(dst []byte, inv *lambdaapi.Invocation) []byte {
	dst = append(dst, `x-amzn-lambda-context: {"request_id":`...)
	dst = rawjson.AppendASCIIString(dst, inv.ID)
	dst = append(dst, `,"deadline":`...)
	dst = strconv.AppendInt(dst, inv.DeadlineMs, 10)
	dst = append(dst, `,"invoked_function_arn":`...)
	dst = rawjson.AppendASCIIString(dst, inv.ARN)
	dst = appendTextOrNull(append(dst, `,"xray_trace_id":`...), inv.Trace)
	dst = c.appendJSONOrNull(append(dst, `,"client_context":`...), inv.ClientContext, "Lambda-Runtime-Client-Context")
	dst = c.appendJSONOrNull(append(dst, `,"identity":`...), inv.Identity, "Lambda-Runtime-Cognito-Identity")
	dst = appendTextOrNull(append(dst, `,"tenant_id":`...), inv.Tenant)
	dst = append(dst, ',')
	dst = append(dst, c.envConfig...)
	if len(inv.Echo) > 0 {
		dst = rawjson.AppendASCIIString(append(dst, `,"invocation_id":`...), inv.Echo)
	}
	return append(dst, "}\r\n"...)
}

func appendTextOrNull(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "null"...)
	}
	return rawjson.AppendASCIIString(dst, text)
}

func (c *Composer) appendJSONOrNull(dst, text []byte, header string) []byte {
	switch {
	case len(text) == 0:
	case rawjson.Valid(text):
		return rawjson.AppendASCII(dst, text)
	default:
		c.warn("the header " + header + " of the invocation is not JSON; the app sees null")
	}
	return append(dst, "null"...)
}

// appendRequestContext writes the header x-amzn-request-context: the event's own requestContext, on
// one line of printable ASCII.
func (c *Composer) appendRequestContext(dst []byte, context rawjson.Value) []byte {
	dst = append(dst, "x-amzn-request-context: "...)
	start := len(dst)
	if context == nil {
		dst = append(dst, "null"...)
	} else {
		dst = rawjson.AppendASCII(dst, context)
	}
	if size := len(dst) - start; size > largeHeader {
		c.warnOnce("context", "the header x-amzn-request-context has "+strconv.Itoa(size)+
			" bytes, more than many servers accept; AWS_LWA_CONTEXT_HEADERS=none turns the context headers off")
	}
	return append(dst, "\r\n"...)
}
