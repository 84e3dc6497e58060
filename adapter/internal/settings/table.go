package settings

// Setting is one environment variable.
type Setting struct {
	Name    string
	Older   string // a name that the reference adapter used first; it works, with a warning
	Default string // as it would be written; empty if there is none
	Accepts string // what values are allowed, for a sentence: "must be ..."
	Meaning string // for docs/adapter.md

	// tolerant marks variables of which a bad value is a warning, and counts as the default: those
	// that Lambda sets, as that is not the user's mistake, and those with which the AWS Lambda Web
	// Adapter goes on in the same way.
	tolerant bool
	// keepsOlder is set if the older name is no worse than the new one.
	keepsOlder bool
	read       func(s *Settings, value string) bool
	// statuses is the set that a list of statuses goes to; read is nil then.
	statuses func(s *Settings) *StatusSet
}

const (
	statusList = "status codes from 100 to 599 and ranges of them, with commas between, for example 200-399,404"
	booleans   = "true or false (also 1/0, yes/no, on/off)"
	portNumber = "a whole number from 1 to 65535"
	aPath      = "a path of printable characters"
	aHookPath  = "a path of its own that can be kept from clients: not the root, nor the readiness or " +
		"pass-through path, without % ? # ;"
)

// Table is every variable that the adapter knows, in the order of the documentation.
var Table = []Setting{
	{Name: "AWS_LWA_PORT", Older: "PORT", keepsOlder: true, Default: "8080", Accepts: portNumber,
		Meaning: "Port on which the app listens.",
		read:    func(s *Settings, v string) bool { return readPort(&s.Port, v) }},
	{Name: "AWS_LWA_HOST", Older: "HOST", Default: "127.0.0.1",
		Accepts: "a host name, an IPv4 address, an IPv6 address in brackets, or unix:/path of a socket",
		Meaning: "Host on which the app listens. `localhost` tries both 127.0.0.1 and ::1.",
		read:    func(s *Settings, v string) bool { return readHost(&s.Host, v) }},
	{Name: "AWS_LWA_PORT_DISCOVERY", Default: "false", Accepts: booleans,
		Meaning: "While nobody listens on the port, take the one other listener that answers the readiness " +
			"check. During init only.",
		read: func(s *Settings, v string) bool { return readBool(&s.PortDiscovery, v) }},
	{Name: "AWS_LWA_READINESS_CHECK_PORT", Older: "READINESS_CHECK_PORT", Accepts: portNumber,
		Meaning: "Port of the readiness check; the app's own port if not set.",
		read:    func(s *Settings, v string) bool { return readPort(&s.ReadinessPort, v) }},
	{Name: "AWS_LWA_READINESS_CHECK_PATH", Older: "READINESS_CHECK_PATH", Default: "/", Accepts: aPath,
		Meaning: "Path of the readiness check, which may hold a query. A missing leading slash is added.",
		read:    func(s *Settings, v string) bool { return readPath(&s.ReadinessPath, v) }},
	{Name: "AWS_LWA_READINESS_CHECK_PROTOCOL", tolerant: true, Older: "READINESS_CHECK_PROTOCOL", Default: "http",
		Accepts: "http or tcp",
		Meaning: "`http`: a GET request must be answered with a healthy status. `tcp`: a connection is enough.",
		read:    func(s *Settings, v string) bool { return readChoice(&s.ReadinessTCP, v, "http", "tcp") }},
	{Name: "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS", Default: "100-499", Accepts: statusList,
		Meaning:  "Statuses that mean that the app is ready.",
		statuses: func(s *Settings) *StatusSet { return &s.HealthyStatus }},
	{Name: "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS", Accepts: "a number of seconds, 0 or more, fractions allowed",
		Meaning: "The start fails if the app is not ready after this time. Not set, or 0: no limit of its own.",
		read:    func(s *Settings, v string) bool { return readSeconds(&s.ReadinessTimeout, v) }},
	{Name: "AWS_LWA_ASYNC_INIT", tolerant: true, Older: "ASYNC_INIT", Default: "false", Accepts: booleans,
		Meaning: "Let init end after 9.8 s even if the app is not ready; the first invocation then waits for it.",
		read:    func(s *Settings, v string) bool { return readBool(&s.AsyncInit, v) }},
	{Name: "AWS_LWA_REMOVE_BASE_PATH", Older: "REMOVE_BASE_PATH", Accepts: aPath,
		Meaning: "Prefix that is taken off the path, once and only at the border of a segment.",
		read:    func(s *Settings, v string) bool { return readBasePath(&s.BasePath, v) }},
	{Name: "AWS_LWA_FORWARDED_PREFIX", Default: "off", Accepts: "off, header, path or auto",
		Meaning: "What becomes of the part of the URL's path that the app does not see (stage, base path). " +
			"`header`: the app gets " +
			"it in `X-Forwarded-Prefix`. `auto`: also in `SCRIPT_NAME`, if gunicorn takes it, and redirects " +
			"and cookies stay below it. " +
			"`path`: the app gets the path as in the URL.",
		read: readForwardedPrefix},
	{Name: "AWS_LWA_FRONT_SECRET_SHA256",
		Accepts: "one or two SHA-256 digests, each 64 lower-case hex digits, with a comma between",
		Meaning: "Digests of the secret that a distribution in front sends in `X-Lambda-Web-Front`. " +
			"Its requests reach the app with the host, scheme and address of the client, and without a prefix.",
		read: func(s *Settings, v string) bool { return readDigests(&s.FrontDigests, v) }},
	{Name: "AWS_LWA_PASS_THROUGH_PATH", Default: "/events", Accepts: aPath,
		Meaning: "Path to which events that are not HTTP requests are posted; it may hold a query.",
		read:    func(s *Settings, v string) bool { return readPath(&s.PassThroughPath, v) }},
	{Name: "AWS_LWA_INVOKE_MODE", tolerant: true, Default: "buffered", Accepts: "buffered or response_stream",
		Meaning: "`response_stream` sends the reply while the app writes it; the function URL or REST API must be " +
			"configured for it too.",
		read: func(s *Settings, v string) bool { return readChoice(&s.Stream, v, "buffered", "response_stream") }},
	{Name: "AWS_LWA_ENABLE_COMPRESSION", tolerant: true, Default: "false", Accepts: booleans,
		Meaning: "Compress replies with gzip if the client accepts it. No effect with `response_stream`.",
		read:    func(s *Settings, v string) bool { return readBool(&s.Compress, v) }},
	{Name: "AWS_LWA_AUTHORIZATION_SOURCE", tolerant: true, Accepts: "the name of a header",
		Meaning: "Header whose value the app sees as `Authorization`.",
		read:    func(s *Settings, v string) bool { return readHeaderName(&s.AuthorizationSource, v) }},
	{Name: "AWS_LWA_ERROR_STATUS_CODES", Accepts: statusList,
		Meaning:  "Statuses of the app that make the invocation fail, so that queues and event sources try again.",
		statuses: func(s *Settings) *StatusSet { return &s.ErrorStatus }},
	{Name: "AWS_LWA_DEADLINE_MARGIN_MS", Default: "0", Accepts: "a whole number of milliseconds, 0 or more",
		Meaning: "Break off a request this long before Lambda's deadline, with an error that names it. 0: off.",
		read:    func(s *Settings, v string) bool { return readMilliseconds(&s.DeadlineMargin, v) }},
	{Name: "AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS", Default: "1",
		Accepts: "a number of seconds, 0 or more, fractions allowed",
		Meaning: "How long an idle connection to the app is used again. 0: a new connection for each request.",
		read:    func(s *Settings, v string) bool { return readSeconds(&s.IdleTimeout, v) }},
	{Name: "AWS_LWA_CONTEXT_HEADERS", Default: "all", Accepts: "all, none, request or lambda",
		Meaning: "Which of `x-amzn-request-context` and `x-amzn-lambda-context` the app gets.",
		read:    readContextHeaders},
	{Name: "AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH", Accepts: aHookPath,
		Meaning: "Posted to before a SnapStart snapshot is taken; must answer 2xx. Not reachable from outside.",
		read:    func(s *Settings, v string) bool { return readPath(&s.BeforeCheckpointPath, v) }},
	{Name: "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH", Accepts: aHookPath,
		Meaning: "Posted to after a restore from a snapshot; must answer 2xx within 9 s. Not reachable from outside.",
		read:    func(s *Settings, v string) bool { return readPath(&s.AfterRestorePath, v) }},
	{Name: "AWS_LWA_SNAPSTART_PRIME", Accepts: "paths with commas between, for example /,/api/hello",
		Meaning: "Paths that are asked for, once and in this order, before a SnapStart snapshot is taken. " +
			"The answers do not matter.",
		read: func(s *Settings, v string) bool { return readPaths(&s.Prime, v) }},
	{Name: "AWS_LWA_TASK", Default: "false", Accepts: booleans,
		Meaning: "The function runs commands instead of the app: see [Commands](#commands).",
		read:    func(s *Settings, v string) bool { return readBool(&s.Task, v) }},
	{Name: "AWS_LWA_LAMBDA_RUNTIME_API_PROXY", Accepts: "host:port, http:// in front allowed",
		Meaning: "Proxy of another extension for the Runtime API. Registration goes to Lambda itself all the same.",
		read:    func(s *Settings, v string) bool { return readHostPort(&s.RuntimeAPIProxy, v) }},
	{Name: "AWS_LWA_EXTENSION_REGISTER_BASE_MS", Default: "20", Accepts: "a whole number of milliseconds, 0 or more",
		Meaning: "Pause before registration is tried a second time; it doubles four times.",
		read:    func(s *Settings, v string) bool { return readMilliseconds(&s.RegisterBase, v) }},

	{Name: "AWS_LAMBDA_LOG_LEVEL", Older: "RUST_LOG", keepsOlder: true, Default: "INFO", tolerant: true,
		Accepts: "trace, debug, info, warn, error or fatal",
		Meaning: "Level of the adapter's own log lines.",
		read:    readLogLevel},
	{Name: "AWS_LAMBDA_LOG_FORMAT", Default: "text", tolerant: true, Accepts: "text or JSON",
		Meaning: "Form of the adapter's own log lines.",
		read:    func(s *Settings, v string) bool { return readChoice(&s.LogJSON, v, "text", "json") }},
	{Name: "AWS_LAMBDA_RUNTIME_API", Accepts: "host:port",
		Meaning: "Set by Lambda. Where it is missing the adapter says that this is not Lambda, and ends.",
		read:    func(s *Settings, v string) bool { return readHostPort(&s.RuntimeAPI, v) }},
	{Name: "AWS_LAMBDA_MAX_CONCURRENCY", Default: "1", tolerant: true, Accepts: "a whole number, 1 or more",
		Meaning: "Set by Lambda Managed Instances: that many invocations run at once.",
		read:    func(s *Settings, v string) bool { return readWhole(&s.Concurrency, v, 1, 10000) }},
	{Name: "AWS_LAMBDA_INITIALIZATION_TYPE", Default: string(OnDemand), tolerant: true, Accepts: "a word",
		Meaning: "Set by Lambda. `snap-start` turns on the hooks and the restore handshake.",
		read:    func(s *Settings, v string) bool { s.InitType = InitType(v); return true }},
	{Name: "AWS_LAMBDA_FUNCTION_NAME", tolerant: true, Accepts: "a text",
		Meaning: "Set by Lambda; shown to the app in `x-amzn-lambda-context`.",
		read:    func(s *Settings, v string) bool { s.FunctionName = v; return true }},
	{Name: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", tolerant: true, Accepts: "a whole number",
		Meaning: "Set by Lambda, in MB; shown to the app in `x-amzn-lambda-context`.",
		read:    func(s *Settings, v string) bool { return readWhole(&s.FunctionMemoryMB, v, 0, 1<<30) }},
	{Name: "AWS_LAMBDA_FUNCTION_VERSION", tolerant: true, Accepts: "a text",
		Meaning: "Set by Lambda; shown to the app in `x-amzn-lambda-context`.",
		read:    func(s *Settings, v string) bool { s.FunctionVersion = v; return true }},
	{Name: "AWS_LAMBDA_LOG_STREAM_NAME", tolerant: true, Accepts: "a text",
		Meaning: "Set by Lambda; shown to the app in `x-amzn-lambda-context`.",
		read:    func(s *Settings, v string) bool { s.LogStream = v; return true }},
	{Name: "AWS_LAMBDA_LOG_GROUP_NAME", tolerant: true, Accepts: "a text",
		Meaning: "Set by Lambda; shown to the app in `x-amzn-lambda-context`.",
		read:    func(s *Settings, v string) bool { s.LogGroup = v; return true }},
}

// minUnhealthy was replaced by a list of healthy statuses in version 1.0 of the reference adapter.
const (
	minUnhealthy        = "AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS"
	minUnhealthyAccepts = "a whole number from 101 to 600"
	healthyStatus       = "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS"
)
