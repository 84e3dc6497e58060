package settings

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"lambda-web/adapter/internal/policy"
)

// Read reads the settings from an environment (os.Environ). warnings are sentences for the log. The
// error names every mistake: variable, value, and what is allowed. The log settings are valid even
// then.
func Read(environ []string) (s Settings, warnings []string, err error) {
	r := reader{settings: &s, values: relevant(environ)}
	for i := range Table {
		r.read(&Table[i])
	}
	r.readMinUnhealthy()
	r.nameDeprecated()
	r.nameUnknown()
	r.combine()
	r.checkHooks()
	if len(r.mistakes) > 0 {
		err = errors.New(strings.Join(append(r.mistakes, r.tolerated...), "; "))
	}
	return s, append(r.warnings, r.tolerated...), err
}

// relevant keeps the variables that have a value; an empty one counts as not set.
func relevant(environ []string) map[string]string {
	values := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if value = strings.TrimSpace(value); value != "" {
			values[name] = value
		}
	}
	return values
}

type reader struct {
	settings   *Settings
	values     map[string]string
	mistakes   []string
	tolerated  []string // mistakes with which the adapter goes on
	warnings   []string
	deprecated []string
}

// read reads one variable: by its name, else by its older name, else its default.
func (r *reader) read(setting *Setting) {
	name, value := setting.Name, r.values[setting.Name]
	if value == "" && setting.Older != "" && r.values[setting.Older] != "" {
		name, value = setting.Older, r.values[setting.Older]
		if !setting.keepsOlder {
			r.deprecated = append(r.deprecated, name+" (use "+setting.Name+")")
		}
	}
	if value != "" && r.take(setting, name, value) || setting.Default == "" {
		return
	}
	if setting.statuses != nil {
		*setting.statuses(r.settings), _ = readStatuses(setting.Default)
		return
	}
	setting.read(r.settings, setting.Default)
}

// take reads a value, and notes what is wrong with it.
func (r *reader) take(setting *Setting, name, value string) bool {
	switch {
	case setting.statuses != nil:
		return r.takeStatuses(setting, name, value)
	case name == "HOST":
		if readOwnHost(&r.settings.Host, value) {
			return true
		}
		r.tolerated = append(r.tolerated, mistake(name, value, setting.Accepts)+"; the app is expected at "+
			setting.Default)
	case setting.read(r.settings, value):
		return true
	case name == "RUST_LOG": // may hold a filter in a language of its own
	case setting.tolerant:
		r.tolerated = append(r.tolerated, mistake(name, value, setting.Accepts)+"; taken as "+setting.fallback())
	default:
		r.mistakes = append(r.mistakes, mistake(name, value, setting.Accepts))
	}
	return false
}

// takeStatuses takes what there is of a list; one with nothing in it would not be what anybody
// means.
func (r *reader) takeStatuses(setting *Setting, name, value string) bool {
	set, skipped := readStatuses(value)
	if set.Empty() {
		r.mistakes = append(r.mistakes, mistake(name, value, setting.Accepts))
		return false
	}
	if len(skipped) > 0 {
		r.tolerated = append(r.tolerated, mistake(name, value, setting.Accepts)+"; left out: "+
			strconv.Quote(strings.Join(skipped, ",")))
	}
	*setting.statuses(r.settings) = set
	return true
}

func mistake(name, value, accepts string) string {
	return name + "=" + strconv.Quote(value) + " is not allowed, it must be " + accepts
}

func (s *Setting) fallback() string {
	if s.Default == "" {
		return "not set"
	}
	return s.Default
}

// readMinUnhealthy honours a variable that no longer exists: N means that 100 to N-1 are healthy.
func (r *reader) readMinUnhealthy() {
	value := r.values[minUnhealthy]
	if value == "" {
		return
	}
	if r.values[healthyStatus] != "" {
		r.warnings = append(r.warnings, minUnhealthy+" is ignored because "+healthyStatus+" is set; remove it")
		return
	}
	var n int
	if !readWhole(&n, value, 101, 600) {
		r.mistakes = append(r.mistakes, mistake(minUnhealthy, value, minUnhealthyAccepts))
		return
	}
	r.settings.HealthyStatus = StatusSet{}
	r.settings.HealthyStatus.addRange(100, n-1)
	r.warnings = append(r.warnings, minUnhealthy+" is deprecated, use "+healthyStatus+"=100-"+strconv.Itoa(n-1))
}

func (r *reader) nameDeprecated() {
	if len(r.deprecated) > 0 {
		r.warnings = append(r.warnings, "deprecated variables are in use: "+strings.Join(r.deprecated, ", "))
	}
}

// nameUnknown warns of each AWS_LWA_ variable that does not exist, with the closest one that does.
func (r *reader) nameUnknown() {
	var unknown []string
	for name := range r.values {
		if strings.HasPrefix(name, "AWS_LWA_") && name != minUnhealthy && !isKnown(name) {
			unknown = append(unknown, name+" (did you mean "+closest(name)+"?)")
			for i := len(unknown) - 1; i > 0 && unknown[i] < unknown[i-1]; i-- { // few: a sort would cost 8 KB
				unknown[i], unknown[i-1] = unknown[i-1], unknown[i]
			}
		}
	}
	if len(unknown) > 0 {
		r.warnings = append(r.warnings, "unknown variables have no effect: "+strings.Join(unknown, ", "))
	}
}

func isKnown(name string) bool {
	return slices.ContainsFunc(Table, func(s Setting) bool { return s.Name == name })
}

// closest is the name with the longest beginning and end in common: a misspelt one differs in
// between.
func closest(name string) string {
	best, most := "", -1
	for i := range Table {
		if n := common(name, Table[i].Name); n > most {
			best, most = Table[i].Name, n
		}
	}
	return best
}

func common(a, b string) (letters int) {
	for letters < min(len(a), len(b)) && a[letters] == b[letters] {
		letters++
	}
	a, b = a[letters:], b[letters:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
		letters++
	}
	return letters
}

// combine settles what depends on two settings.
func (r *reader) combine() {
	s := r.settings
	if s.ReadinessPort == 0 {
		s.ReadinessPort = s.Port
	}
	if unix := strings.HasPrefix(s.Host, "unix:"); s.PortDiscovery && (unix || s.ReadinessPort != s.Port) {
		s.PortDiscovery = false
		r.warnings = append(r.warnings,
			"AWS_LWA_PORT_DISCOVERY has no effect with a unix socket, or a port of its own for the readiness check")
	}
	if s.Compress && s.Stream {
		s.Compress = false
		r.warnings = append(r.warnings,
			"AWS_LWA_ENABLE_COMPRESSION has no effect with AWS_LWA_INVOKE_MODE=response_stream")
	}
	if s.AsyncInit && (s.InitType == SnapStart || s.InitType == Provisioned) {
		s.AsyncInit = false
		r.warnings = append(r.warnings, "AWS_LWA_ASYNC_INIT has no effect with "+string(s.InitType)+
			", where init may take as long as the app needs")
	}
	for _, name := range []string{"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
		"AWS_LAMBDA_FUNCTION_VERSION"} {
		if r.values[name] == "" {
			r.warnings = append(r.warnings, name+" is not set; the app sees an empty value")
		}
	}
}

// checkHooks refuses hook paths that clients could not be kept from.
func (r *reader) checkHooks() {
	taken := map[string]string{
		"AWS_LWA_READINESS_CHECK_PATH": r.settings.ReadinessPath,
		"AWS_LWA_PASS_THROUGH_PATH":    r.settings.PassThroughPath,
	}
	for _, name := range []string{"AWS_LWA_SNAPSTART_BEFORE_CHECKPOINT_PATH", "AWS_LWA_SNAPSTART_AFTER_RESTORE_PATH"} {
		value := r.values[name]
		if value == "" {
			continue
		}
		if reason := policy.HookMistake(value, taken); reason != "" {
			r.mistakes = append(r.mistakes, mistake(name, value, aHookPath)+" ("+reason+")")
		}
	}
}
