package settings

import (
	"strings"
	"testing"
	"time"

	"lambda-web/adapter/internal/logging"
)

// lambda is what Lambda always sets.
var lambda = []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "AWS_LAMBDA_FUNCTION_NAME=f",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	"AWS_LAMBDA_FUNCTION_VERSION=1"}

func read(environ ...string) (Settings, string, error) {
	s, warnings, err := Read(append(environ, lambda...))
	return s, strings.Join(warnings, "\n"), err
}

// digest has the form of a SHA-256 digest.
const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestDefaults(t *testing.T) {
	s, warnings, err := read()
	if err != nil || warnings != "" {
		t.Fatal(err, warnings)
	}
	if s.Host != "127.0.0.1" || s.Port != 8080 || s.ReadinessPort != 8080 || s.ReadinessPath != "/" ||
		s.PassThroughPath != "/events" ||
		!s.RequestContext || !s.LambdaContext || s.Stream || s.Compress || s.AsyncInit ||
		s.IdleTimeout != time.Second ||
		s.RegisterBase != 20*time.Millisecond || s.Concurrency != 1 || s.InitType != OnDemand ||
		s.LogLevel != logging.Info {
		t.Errorf("%+v", s)
	}
	for status, want := range map[int]bool{99: false, 100: true, 499: true, 500: false, -1: false, 5000: false} {
		if s.HealthyStatus.Has(status) != want {
			t.Errorf("healthy %d: %v", status, !want)
		}
	}
}

func TestDefaultsInTheTableAreAllowed(t *testing.T) {
	for _, setting := range Table {
		var s Settings
		allowed := func(value string) bool {
			if setting.statuses == nil {
				return setting.read(&s, value)
			}
			set, skipped := readStatuses(value)
			return !set.Empty() && skipped == nil
		}
		if setting.Default != "" && !allowed(setting.Default) {
			t.Errorf("%s: its default %q is not allowed", setting.Name, setting.Default)
		}
		if setting.Accepts == "" || setting.Meaning == "" {
			t.Errorf("%s has no words", setting.Name)
		}
	}
}

func TestAccepted(t *testing.T) {
	for entry, check := range map[string]func(s *Settings) bool{
		"AWS_LWA_PORT= 3000 ": func(s *Settings) bool {
			return s.Port == 3000 &&
				s.ReadinessPort == 3000
		},
		"PORT=3000":                                   func(s *Settings) bool { return s.Port == 3000 },
		"AWS_LWA_PORT=":                               func(s *Settings) bool { return s.Port == 8080 },
		"AWS_LWA_HOST=[::1]":                          func(s *Settings) bool { return s.Host == "[::1]" },
		"AWS_LWA_HOST=unix:/tmp/app.sock":             func(s *Settings) bool { return s.Host == "unix:/tmp/app.sock" },
		"AWS_LWA_READINESS_CHECK_PATH=ready?x=1":      func(s *Settings) bool { return s.ReadinessPath == "/ready?x=1" },
		"AWS_LWA_READINESS_CHECK_PROTOCOL=TCP":        func(s *Settings) bool { return s.ReadinessTCP },
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1.5": func(s *Settings) bool { return s.ReadinessTimeout == 1500*time.Millisecond },
		"AWS_LWA_ASYNC_INIT=Yes":                      func(s *Settings) bool { return s.AsyncInit },
		"AWS_LWA_REMOVE_BASE_PATH=api/":               func(s *Settings) bool { return s.BasePath == "/api" },
		"AWS_LWA_REMOVE_BASE_PATH=/":                  func(s *Settings) bool { return s.BasePath == "" },
		"AWS_LWA_INVOKE_MODE=RESPONSE_STREAM":         func(s *Settings) bool { return s.Stream },
		"AWS_LWA_AUTHORIZATION_SOURCE=X-Auth":         func(s *Settings) bool { return s.AuthorizationSource == "x-auth" },
		"AWS_LWA_ERROR_STATUS_CODES=500 - 502, 404": func(s *Settings) bool {
			return s.ErrorStatus.Has(501) && s.ErrorStatus.Has(404) && !s.ErrorStatus.Has(503)
		},
		"AWS_LWA_DEADLINE_MARGIN_MS=250":                       func(s *Settings) bool { return s.DeadlineMargin == 250*time.Millisecond },
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=.25":          func(s *Settings) bool { return s.ReadinessTimeout == 250*time.Millisecond },
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=+2.":          func(s *Settings) bool { return s.ReadinessTimeout == 2*time.Second },
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=0.0000000019": func(s *Settings) bool { return s.ReadinessTimeout == 1 },
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1000000":      func(s *Settings) bool { return s.ReadinessTimeout == 1e6*time.Second },
		"AWS_LWA_TASK=true":                                    func(s *Settings) bool { return s.Task },
		"AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS=0":                  func(s *Settings) bool { return s.IdleTimeout == 0 },
		"AWS_LWA_FORWARDED_PREFIX=Header": func(s *Settings) bool {
			return s.PrefixHeader &&
				!s.PrefixInPath
		},
		"AWS_LWA_FORWARDED_PREFIX=Auto": func(s *Settings) bool {
			return s.PrefixHeader &&
				s.PrefixAuto && !s.PrefixInPath
		},
		"AWS_LWA_FORWARDED_PREFIX=path": func(s *Settings) bool {
			return !s.PrefixHeader &&
				s.PrefixInPath
		},
		"AWS_LWA_FRONT_SECRET_SHA256=" + digest: func(s *Settings) bool {
			return len(s.FrontDigests) == 1 && s.FrontDigests[0][0] == 0x01 && s.FrontDigests[0][31] == 0xef
		},
		"AWS_LWA_FRONT_SECRET_SHA256=" + digest + " , " + strings.Repeat("f", 64): func(s *Settings) bool {
			return len(s.FrontDigests) == 2 && s.FrontDigests[1][0] == 0xff
		},
		"AWS_LWA_FRONT_SECRET_SHA256=": func(s *Settings) bool { return s.FrontDigests == nil },
		"AWS_LWA_CONTEXT_HEADERS=Lambda": func(s *Settings) bool {
			return s.LambdaContext &&
				!s.RequestContext
		},
		"AWS_LWA_LAMBDA_RUNTIME_API_PROXY=http://[::1]:9":  func(s *Settings) bool { return s.RuntimeAddress() == "[::1]:9" },
		"AWS_LAMBDA_LOG_LEVEL=DEBUG":                       func(s *Settings) bool { return s.LogLevel == logging.Debug },
		"RUST_LOG=hyper=trace,info":                        func(s *Settings) bool { return s.LogLevel == logging.Info },
		"AWS_LAMBDA_LOG_FORMAT=JSON":                       func(s *Settings) bool { return s.LogJSON },
		"AWS_LAMBDA_MAX_CONCURRENCY=0":                     func(s *Settings) bool { return s.Concurrency == 1 },
		"AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS=400": func(s *Settings) bool { return s.HealthyStatus.Has(399) && !s.HealthyStatus.Has(400) },
	} {
		s, _, err := read(entry)
		if err != nil || !check(&s) {
			t.Errorf("%s: %v, %+v", entry, err, s)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, entry := range []string{
		"AWS_LWA_PORT=0", "AWS_LWA_PORT=65536", "PORT=http", "AWS_LWA_HOST=a b", "AWS_LWA_HOST=::1",
		"AWS_LWA_HOST=unix:app.sock",
		"AWS_LWA_READINESS_CHECK_PORT=x", "AWS_LWA_READINESS_CHECK_PATH=/a\nb",
		"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=,", "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=99",
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=-1", "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1h",
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=.", "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1.5.5",
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1.1234567890x", "AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=1000001",
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=99999999999999999999",
		"AWS_LWA_READINESS_CHECK_TIMEOUT_SECONDS=NaN",
		"AWS_LWA_ERROR_STATUS_CODES=599-500", "AWS_LWA_ERROR_STATUS_CODES=5xx",
		"AWS_LWA_DEADLINE_MARGIN_MS=1.5", "AWS_LWA_POOL_IDLE_TIMEOUT_SECONDS=x", "AWS_LWA_CONTEXT_HEADERS=some",
		"AWS_LWA_FORWARDED_PREFIX=true", "AWS_LWA_FRONT_SECRET_SHA256=secret",
		"AWS_LWA_FRONT_SECRET_SHA256=" + digest[1:], "AWS_LWA_FRONT_SECRET_SHA256=" + digest + "0",
		"AWS_LWA_FRONT_SECRET_SHA256=" + strings.ToUpper(digest), "AWS_LWA_FRONT_SECRET_SHA256=" + digest + ",",
		"AWS_LWA_FRONT_SECRET_SHA256=" + digest + "," + digest + "," + digest,
		"AWS_LWA_FRONT_SECRET_SHA256=" + digest[:63] + "g",
		"AWS_LWA_LAMBDA_RUNTIME_API_PROXY=localhost", "AWS_LWA_LAMBDA_RUNTIME_API_PROXY=https://a:1",
		"AWS_LWA_EXTENSION_REGISTER_BASE_MS=-1",
		"AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH=/\x7f", "AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS=100",
	} {
		name, value, _ := strings.Cut(entry, "=")
		_, _, err := read(entry)
		if err == nil || !strings.Contains(err.Error(), name+"=") || !strings.Contains(err.Error(), "must be") {
			t.Errorf("%s=%q gave %v", name, value, err)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, _, err := read("AWS_LWA_PORT=0", "AWS_LWA_INVOKE_MODE=stream")
	// What alone would be a warning is named with the others.
	want := `AWS_LWA_PORT="0" is not allowed, it must be a whole number from 1 to 65535; ` +
		`AWS_LWA_INVOKE_MODE="stream" is not allowed, it must be buffered or response_stream; taken as buffered`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// With these the AWS Lambda Web Adapter goes on, and so does this one, in the same way, with a
// warning.
func TestTolerated(t *testing.T) {
	rows := []struct {
		entry string
		check func(s *Settings) bool
		want  string // part of the warning; empty: there is none
	}{
		{"AWS_LWA_READINESS_CHECK_PROTOCOL=https", func(s *Settings) bool { return !s.ReadinessTCP }, "taken as http"},
		{"READINESS_CHECK_PROTOCOL=udp", func(s *Settings) bool { return !s.ReadinessTCP }, "taken as http"},
		{"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=200-399,",
			func(s *Settings) bool { return s.HealthyStatus.Has(399) && !s.HealthyStatus.Has(404) }, `left out: ""`},
		{"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=200,4xx,600",
			func(s *Settings) bool { return s.HealthyStatus.Has(200) && !s.HealthyStatus.Has(404) },
			`left out: "4xx,600"`},
		{"AWS_LWA_ERROR_STATUS_CODES=500,599-501", func(s *Settings) bool {
			return s.ErrorStatus.Has(500) &&
				!s.ErrorStatus.Has(501)
		}, `left out: "599-501"`},
		{"AWS_LWA_ASYNC_INIT=maybe", func(s *Settings) bool { return !s.AsyncInit }, "taken as false"},
		{"AWS_LWA_INVOKE_MODE=stream", func(s *Settings) bool { return !s.Stream }, "taken as buffered"},
		{"AWS_LWA_ENABLE_COMPRESSION=gzip", func(s *Settings) bool { return !s.Compress }, "taken as false"},
		{"AWS_LWA_AUTHORIZATION_SOURCE=X Auth", func(s *Settings) bool { return s.AuthorizationSource == "" },
			"taken as not set"},
		{"HOST=https://www.example.com", func(s *Settings) bool { return s.Host == "127.0.0.1" },
			"expected at 127.0.0.1"},
		{"HOST=localhost:3000", func(s *Settings) bool { return s.Host == "127.0.0.1" }, "expected at 127.0.0.1"},
		{"HOST=::", func(s *Settings) bool { return s.Host == "localhost" }, ""},
		{"HOST=[::]", func(s *Settings) bool { return s.Host == "localhost" }, ""},
		{"HOST=0.0.0.0", func(s *Settings) bool { return s.Host == "127.0.0.1" }, ""},
		{"HOST=::1", func(s *Settings) bool { return s.Host == "[::1]" }, ""},
	}
	for _, row := range rows {
		s, warnings, err := read(row.entry)
		name, _, _ := strings.Cut(row.entry, "=")
		warned := strings.Contains(warnings, name+"=") && strings.Contains(warnings, row.want)
		if err != nil || !row.check(&s) || warned != (row.want != "") {
			t.Errorf("%s: %v, warnings %q, %+v", row.entry, err, warnings, s)
		}
	}
}

func TestWarnings(t *testing.T) {
	rows := []struct {
		entries []string
		want    []string
		lines   int
	}{
		{[]string{"READINESS_CHECK_PORT=9000", "ASYNC_INIT=1"},
			[]string{"READINESS_CHECK_PORT (use AWS_LWA_READINESS_CHECK_PORT)", "ASYNC_INIT (use"}, 1},
		{[]string{"READINESS_CHECK_PORT=9000", "AWS_LWA_READINESS_CHECK_PORT=9001"}, nil, 0},
		{[]string{"PORT=1"}, nil, 0},
		{[]string{"AWS_LWA_REDINESS_CHECK_PORT=1", "AWS_LWA_PROT=2"},
			[]string{"AWS_LWA_REDINESS_CHECK_PORT (did you mean AWS_LWA_READINESS_CHECK_PORT?)",
				"AWS_LWA_PROT (did you mean AWS_LWA_PORT?)"}, 1},
		{[]string{"AWS_LWA_INVOKE_MODE=response_stream", "AWS_LWA_ENABLE_COMPRESSION=1"},
			[]string{"AWS_LWA_ENABLE_COMPRESSION has no effect"}, 1},
		{[]string{"AWS_LWA_ASYNC_INIT=1", "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"},
			[]string{"AWS_LWA_ASYNC_INIT has no effect with snap-start"}, 1},
		{[]string{"AWS_LAMBDA_MAX_CONCURRENCY=many"}, []string{`AWS_LAMBDA_MAX_CONCURRENCY="many"`, "taken as 1"}, 1},
		{[]string{"AWS_LWA_READINESS_CHECK_MIN_UNHEALTHY_STATUS=400"},
			[]string{"AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=100-399"}, 1},
		{[]string{"AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH=true"}, nil, 0},
	}
	for _, row := range rows {
		_, warnings, err := read(row.entries...)
		lines := len(strings.Split(warnings, "\n"))
		if warnings == "" {
			lines = 0
		}
		if err != nil || lines != row.lines {
			t.Errorf("%q: %v, warnings %q", row.entries, err, warnings)
		}
		for _, part := range row.want {
			if !strings.Contains(warnings, part) {
				t.Errorf("%q: %q does not say %q", row.entries, warnings, part)
			}
		}
	}
}

// No environment makes Read panic; what it accepts keeps the promises of Settings, what it refuses
// is named.
func FuzzRead(f *testing.F) {
	f.Add("AWS_LWA_PORT", "1", "AWS_LWA_HOST", "unix:/x")
	f.Add("AWS_LWA_ERROR_STATUS_CODES", "1-,2", "READINESS_CHECK_PATH", "?")
	f.Add("AWS_LWA_X", "\x00", "AWS_LWA_LAMBDA_RUNTIME_API_PROXY", "[:1")
	for _, setting := range Table {
		f.Add(setting.Name, setting.Default, setting.Older, "-1")
	}
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		s, _, err := Read([]string{name1 + "=" + value1, name2 + "=" + value2})
		if err != nil {
			if !strings.Contains(err.Error(), "must be") {
				t.Fatalf("%v", err)
			}
			return
		}
		if s.Port < 1 || s.Port > 65535 || s.ReadinessPort < 1 || s.Host == "" || s.Concurrency < 1 ||
			s.HealthyStatus.Empty() ||
			s.ReadinessPath[0] != '/' || s.PassThroughPath[0] != '/' || strings.HasSuffix(s.BasePath, "/") ||
			s.IdleTimeout < 0 {
			t.Fatalf("%+v", s)
		}
	})
}
