package policy

import (
	"net/url"
	"strings"
	"testing"
)

// Every row of the table, in its own spelling, with underscores, and with the other characters that a
// token may hold and that servers turn into one.
func TestFields(t *testing.T) {
	rows := []struct {
		name               string
		client, any, off   bool // a client's passes: in this spelling, in any other, with nothing told
		app                bool
		alphanumericOthers string // a name like it that passes
	}{
		{"connection", false, false, false, false, "connections"}, {"keep-alive", false, false, false, false,
			"keepxalive"},
		{"proxy-connection", false, false, false, false, "proxy-connection-x"}, {"te", false, false, false, false,
			"tea"},
		{"trailer", false, false, false, false, "trailers"}, {"transfer-encoding", false, false, false, false,
			"transferencoding"},
		{"upgrade", false, false, false, false, "upgrades"}, {"expect", false, false, false, true, "expect-ct"},
		{"content-length", false, false, false, true, "content-length2"},
		{"x-amzn-request-context", false, false, false, true, "y-amzn-request-context"},
		{"x-amzn-lambda-context", false, false, false, true, "x-amzn-lambda-contexts"},
		{"x-amz-tenant-id", false, false, false, true, "x-tenant-id"},
		{"x-lambda-web-schedule", false, false, false, true, "x-lambda-web-schedules"},
		{"x-forwarded-prefix", false, false, true, true, "x-prefix"}, {"script-name", false, false, true, true,
			"scriptname"},
		{"x-lambda-web-front", false, false, true, true, "x-lambda-web-fronts"},
		{"x-forwarded-host", false, false, true, true, "x-host"}, {"forwarded", false, false, true, true, "forwarde"},
		{"x-forwarded-for", true, false, true, true, "xforwarded-for"}, {"x-forwarded-proto", true, false, true, true,
			"xforwarded-proto"},
		{"x-amzn-trace-id", true, false, true, true, "trace-id"}, {"x-amz-cf-id", true, false, true, true, "amz-cf-id"},
		{"cloudfront-viewer-country", true, false, true, true, "cloudfront"},
		{"content-type", true, true, true, true, "x"}, {"set-cookie", true, true, true, true, "a_b"},
	}
	everything := Told{Prefix: true, Front: true}
	for _, row := range rows {
		if got := FromClient([]byte(row.name), everything); got != row.client {
			t.Errorf("a client's %s passes: %v", row.name, got)
		}
		if got := FromClient([]byte(row.name), Told{}); got != row.off {
			t.Errorf("a client's %s passes with nothing told: %v", row.name, got)
		}
		if got := FromApp([]byte(row.name)); got != row.app {
			t.Errorf("the app's %s passes: %v", row.name, got)
		}
		if !FromClient([]byte(row.alphanumericOthers), everything) || !FromApp([]byte(row.alphanumericOthers)) {
			t.Errorf("%s does not pass", row.alphanumericOthers)
		}
		if !strings.Contains(row.name, "-") {
			continue
		}
		for _, odd := range "_.!#$%&'*+^`|~" {
			for _, spelling := range []string{strings.ReplaceAll(row.name, "-", string(odd)),
				strings.Replace(row.name, "-", string(odd), 1)} {
				if got := FromClient([]byte(spelling), everything); got != row.any {
					t.Errorf("a client's %s passes: %v", spelling, got)
				}
			}
		}
	}
	for i, field := range fields { // each row is tested, and found by its length
		found := field.name[len(field.name)-1] == '-'
		if found != (i >= len(fields)-beginnings) {
			t.Errorf("row %d, %s, is in the wrong place", i, field.name)
		}
		for _, row := range rows {
			found = found || row.name == field.name
		}
		if !found {
			t.Errorf("row %d, %s, is not tested", i, field.name)
		}
	}
}

// What one thing that is told takes from clients, and the other does not.
func TestTold(t *testing.T) {
	rows := []struct {
		name                   string
		nothing, prefix, front bool // passes with this told
	}{
		{"x-forwarded-prefix", true, false, false}, {"script_name", true, false, false},
		{"x-forwarded-host", true, true, false}, {"x_forwarded_host", false, false, false},
		{"x_forwarded-host", false, false, false},
		{"forwarded", true, true, false}, {"x-lambda-web-front", true, true, false},
		{"x_lambda.web-front", true, true, false},
		{"x-forwarded-for", true, true, true}, {"x-original-host", true, true, true},
	}
	for _, row := range rows {
		for told, want := range map[Told]bool{{}: row.nothing, {Prefix: true}: row.prefix, {Front: true}: row.front} {
			if got := FromClient([]byte(row.name), told); got != want {
				t.Errorf("a client's %s with %+v passes: %v", row.name, told, got)
			}
		}
	}
}

func TestHooks(t *testing.T) {
	hooks := NewHooks("/internal/checkpoint", "", "/Internal//restore/?token=x")
	for _, target := range []string{
		"/internal/checkpoint", "/internal/checkpoint/", "/internal//checkpoint", "/INTERNAL/checkpoint",
		"/internal/checkpoint?a=b",
		"/internal/%63heckpoint", "/internal/check%2570oint", "/internal%2fcheckpoint", `/internal\checkpoint`,
		"/internal%5Ccheckpoint",
		"/internal/checkpoint;a=b", "/internal;x/checkpoint", "/;/internal/checkpoint", "/internal/checkpoint%3Ba",
		"/internal%253Bx/checkpoint",
		"/x/..;/internal/checkpoint", "/x/..%3Ba=b/internal/checkpoint", "/x/%2e%2e/internal/checkpoint",
		"/./internal/checkpoint/.",
		"/internal/checkpoint%3fx", "/internal/checkpoint%23x", "/internal/checkpoint%00",
		"/x%3f/../internal/checkpoint",
		"/internal/checkpoint;/../y", "//host/internal/checkpoint", "//host;x/internal/checkpoint",
		`/\host/internal/checkpoint`,
		"/internal/checkpoint.json", "/internal/checkpoint.", "/internal/checkpoint%20", "/internal/restore",
		"/internal/restore?token=y",
		"/%" + strings.Repeat("25", 110) + "41",
	} {
		if !hooks.Guards([]byte(target)) {
			t.Errorf("%s reaches a hook", target)
		}
	}
	for _, target := range []string{"/", "/internal", "/internal/", "/internal/checkpoints", "/internal/checkpoint/x",
		"/internal/check-point",
		"/x/internal/checkpoint", "/a;b=c/d", "/?/internal/checkpoint", "/%", "/100%25", "//",
		"/internal/checkpoint.d/x"} {
		if hooks.Guards([]byte(target)) {
			t.Errorf("%s is refused", target)
		}
	}
	if NewHooks("", "").Guards([]byte("/internal/checkpoint")) {
		t.Error("without hooks a path is refused")
	}
}

// FuzzHooks: a hook's path stays one however it is dressed up, and no path brings anything worse than
// an answer.
func FuzzHooks(f *testing.F) {
	f.Add("/internal/checkpoint", uint16(0))
	f.Add("/a;b/%2e%2e", uint16(0xFFFF))
	f.Fuzz(func(t *testing.T, path string, dress uint16) {
		hooks := NewHooks("/internal/checkpoint")
		_ = hooks.Guards([]byte(path))
		segments := []string{"internal", "checkpoint"}
		for i := range segments {
			if dress&1 != 0 {
				segments[i] = strings.ToUpper(segments[i])
			}
			if dress&2 != 0 {
				segments[i] += ";" + url.PathEscape(path)
			}
			if dress&4 != 0 {
				segments[i] = strings.ReplaceAll(segments[i], "e", "%65")
			}
			if dress&8 != 0 {
				segments[i] = "./" + segments[i]
			}
			dress >>= 4
		}
		target := "/" + strings.Join(segments, "/")
		for ; dress&7 > 0; dress-- {
			target = strings.ReplaceAll(target, "%", "%25")
		}
		if !hooks.Guards([]byte(target)) {
			t.Fatalf("%s reaches the hook", target)
		}
	})
}
