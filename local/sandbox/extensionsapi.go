package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// The Extensions API, version 2020-01-01.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

const (
	headerExtensionName      = "Lambda-Extension-Name"
	headerExtensionID        = "Lambda-Extension-Identifier"
	headerExtensionErrorType = "Lambda-Extension-Function-Error-Type"
	headerAcceptFeature      = "Lambda-Extension-Accept-Feature"
)

// extension is one that is configured (external) or that registered from inside the runtime
// process (internal). Its state is under the sandbox's lock.
type extension struct {
	name       string
	path       string // empty for an internal one
	group      Group  // nil for an internal one
	id         string // empty until it registers
	onInvoke   bool
	onShutdown bool
	ready      bool  // it has called event/next since the last event
	poll       *conn // its parked event/next
	notified   bool  // it has been sent SHUTDOWN
	fault      *failure
}

func (sb *sandbox) handleExtension(c *conn, r *http.Request, path string) {
	switch path {
	case "register":
		if allow(c, r, http.MethodPost) {
			sb.register(c, r)
		}
	case "event/next":
		if allow(c, r, http.MethodGet) {
			sb.eventNext(c, r)
		}
	case "init/error", "exit/error":
		if allow(c, r, http.MethodPost) {
			sb.extensionError(c, r, path)
		}
	default:
		notFound(c)
	}
}

func (sb *sandbox) register(c *conn, r *http.Request) {
	var request struct {
		Events []string `json:"events"`
	}
	body, err := readBody(r, maxErrorDocument)
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	name := r.Header.Get(headerExtensionName)
	switch {
	case name == "":
		c.refuse(extensionRefusal, "Extension.InvalidExtensionName", "Empty extension name")
		return
	case err != nil:
		c.refuse(extensionRefusal, "InvalidRequestFormat", err.Error())
		return
	}
	x, errorType, message := sb.admit(name, request.Events)
	if errorType != "" {
		c.refuse(extensionRefusal, errorType, message)
		return
	}
	answer := struct {
		FunctionName    string `json:"functionName"`
		FunctionVersion string `json:"functionVersion"`
		Handler         string `json:"handler"`
		AccountID       string `json:"accountId,omitempty"`
	}{FunctionName: sb.cfg.Name, FunctionVersion: sb.cfg.Version, Handler: sb.cfg.Handler}
	if slices.Contains(features(r), "accountId") {
		answer.AccountID = sb.cfg.AccountID
	}
	document, _ := json.Marshal(answer)
	c.reply(http.StatusOK, append(document, '\n'), field{headerExtensionID, x.id})
	sb.countRegistered()
}

func features(r *http.Request) []string {
	list := strings.Split(r.Header.Get(headerAcceptFeature), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// admit registers an extension or says why not.
func (sb *sandbox) admit(name string, events []string) (x *extension, errorType, message string) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.phase != initialising {
		return nil, "Extension.RegistrationClosed", "Extension registration closed already"
	}
	i := slices.IndexFunc(sb.extensions, func(x *extension) bool { return x.name == name })
	if i >= 0 && sb.extensions[i].id != "" {
		return nil, "Extension.InvalidExtensionState",
			"State transition from Registered to Registered failed for extension " + name +
				". Error: State transition is not allowed"
	}
	if i < 0 && len(sb.extensions) >= maxExtensions {
		return nil, "Extension.TooManyExtensions", "Extension limit (10) reached"
	}
	internal := i < 0
	for _, event := range events {
		switch {
		case event == "SHUTDOWN" && internal:
			return nil, "Extension.InvalidEventType", event + ": ShutdownEventNotSupportedForInternalExtension"
		case event != "INVOKE" && event != "SHUTDOWN":
			return nil, "Extension.InvalidEventType", event + ": ErrorInvalidEventType"
		}
	}
	if internal {
		sb.extensions = append(sb.extensions, &extension{name: name})
		i = len(sb.extensions) - 1
	}
	x = sb.extensions[i]
	x.id = newUUID()
	x.onInvoke, x.onShutdown = slices.Contains(events, "INVOKE"), slices.Contains(events, "SHUTDOWN")
	return x, "", ""
}

// countRegistered lets the runtime start when the last external extension has registered. It runs
// after the extension got its answer.
func (sb *sandbox) countRegistered() {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if slices.ContainsFunc(sb.extensions, func(x *extension) bool { return x.id == "" }) {
		return
	}
	select {
	case <-sb.registered:
	default:
		close(sb.registered)
	}
}

// caller finds the extension that calls, or answers why not. It takes the lock and keeps it when it
// returns an extension.
func (sb *sandbox) caller(c *conn, r *http.Request) *extension {
	id := r.Header.Get(headerExtensionID)
	switch {
	case id == "":
		c.refuse(extensionRefusal, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
		return nil
	case !isUUID(id):
		c.refuse(extensionRefusal, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
		return nil
	}
	sb.mu.Lock()
	for _, x := range sb.extensions {
		if strings.EqualFold(x.id, id) {
			return x
		}
	}
	sb.mu.Unlock()
	c.refuse(extensionRefusal, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	return nil
}

// eventNext parks the connection until there is an event; it also says that the extension is ready.
func (sb *sandbox) eventNext(c *conn, r *http.Request) {
	x := sb.caller(c, r)
	if x == nil {
		return
	}
	x.poll, x.ready = c, true
	over := sb.advance()
	ends := sb.phase == ending && !sb.shutdownBy.IsZero()
	sb.mu.Unlock()
	sb.finish(over)
	if ends {
		sb.sendShutdown(x)
	}
}

// take removes the parked call of an extension, if there is one.
func (sb *sandbox) take(x *extension) *conn {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	c := x.poll
	x.poll = nil
	return c
}

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (sb *sandbox) sendInvoke(x *extension, e *execution) {
	c := sb.take(x)
	if c == nil {
		return
	}
	document, _ := json.Marshal(struct {
		EventType          string  `json:"eventType"`
		DeadlineMs         int64   `json:"deadlineMs"`
		RequestID          string  `json:"requestId"`
		InvokedFunctionARN string  `json:"invokedFunctionArn"`
		Tracing            tracing `json:"tracing"`
	}{"INVOKE", sb.deadlineMs(e), e.RequestID, sb.cfg.arn(e.Qualifier), tracing{"X-Amzn-Trace-Id", e.TraceID}})
	c.reply(http.StatusOK, document, field{"Lambda-Extension-Event-Identifier", newUUID()})
}

// sendShutdown tells an extension once that the sandbox ends, if it asked for that and waits now.
func (sb *sandbox) sendShutdown(x *extension) {
	sb.mu.Lock()
	c := x.poll
	if c == nil || x.notified || !x.onShutdown {
		sb.mu.Unlock()
		return
	}
	x.poll, x.notified = nil, true
	deadline, reason := sb.shutdownBy, sb.shutdownFor
	sb.mu.Unlock()
	document, _ := json.Marshal(struct {
		EventType      string `json:"eventType"`
		DeadlineMs     int64  `json:"deadlineMs"`
		ShutdownReason string `json:"shutdownReason"`
	}{"SHUTDOWN", deadline.UnixMilli(), reason})
	c.reply(http.StatusOK, document)
}

// extensionError takes init/error and exit/error. The extension is expected to exit.
func (sb *sandbox) extensionError(c *conn, r *http.Request, path string) {
	body, err := readBody(r, maxErrorDocument)
	x := sb.caller(c, r)
	if x == nil {
		return
	}
	name := r.Header.Get(headerExtensionErrorType)
	if name == "" {
		sb.mu.Unlock()
		c.refuse(extensionRefusal, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
		return
	}
	fault := &failure{errorType: "Extension.ExitError", message: name, reason: failed}
	if path == "init/error" {
		fault.errorType = "Extension.InitError"
	}
	var posted struct {
		Message string `json:"errorMessage"`
	}
	if err == nil && json.Unmarshal(body, &posted) == nil && posted.Message != "" {
		fault.message += ": " + posted.Message
	}
	x.fault = fault
	sb.mu.Unlock()
	c.accept()
	sb.log.printf("EXTENSION\tName: %s\tState: %s\tEvents: %s\tError Type: %s", x.name,
		strings.TrimPrefix(fault.errorType, "Extension."), x.events(), name)
	sb.fail(fault)
}

// events is the list of subscriptions as log lines show it.
func (x *extension) events() string {
	var list []string
	if x.onInvoke {
		list = append(list, "INVOKE")
	}
	if x.onShutdown {
		list = append(list, "SHUTDOWN")
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// handleTelemetry answers subscriptions to the Telemetry API and the older Logs API as Lambda does
// where it cannot deliver: accepted, not supported. Extensions go on without it.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
func (sb *sandbox) handleTelemetry(c *conn, r *http.Request, api string) {
	if !allow(c, r, http.MethodPut) {
		return
	}
	if _, err := readBody(r, maxErrorDocument); err != nil {
		c.refuse(http.StatusBadRequest, "InvalidRequestFormat", "The subscription was cut off or too long: "+
			err.Error())
		return
	}
	if sb.caller(c, r) == nil {
		return
	}
	sb.mu.Unlock()
	c.refuse(http.StatusAccepted, api+".NotSupported", api+" API is not supported")
}
