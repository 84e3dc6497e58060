// Package settings reads the adapter's environment variables, once, into one struct. Table is the
// whole list of them.
package settings

import (
	"time"

	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/sha256"
)

// Settings is what the environment asks of the adapter. Every value is valid.
type Settings struct {
	Host string // name, IPv4, [IPv6], or unix:/path
	Port int
	// PortDiscovery looks for an app that listens on another port.
	PortDiscovery bool

	ReadinessPort    int
	ReadinessPath    string // begins with a slash, may hold a query
	ReadinessTCP     bool
	HealthyStatus    StatusSet
	ReadinessTimeout time.Duration // 0: none
	AsyncInit        bool

	BasePath     string // empty, or begins with a slash and ends with none
	PrefixHeader bool   // x-forwarded-prefix
	PrefixInPath bool
	// PrefixAuto: x-forwarded-prefix, SCRIPT_NAME for gunicorn, redirects kept below the prefix.
	PrefixAuto          bool
	PassThroughPath     string              // begins with a slash
	AuthorizationSource string              // header name in lower case, or empty
	FrontDigests        [][sha256.Size]byte // of the secrets of a distribution in front; empty: there is none
	RequestContext      bool
	LambdaContext       bool

	Stream         bool // invoke mode response_stream
	Compress       bool
	ErrorStatus    StatusSet
	DeadlineMargin time.Duration // 0: off
	IdleTimeout    time.Duration // of a kept connection to the app; 0: no reuse

	BeforeCheckpointPath string // empty: no hook
	AfterRestorePath     string
	Prime                []string // paths asked for before the snapshot; each begins with a slash, may hold a query

	Task bool // the function runs commands, and not the app

	RuntimeAPI       string // host:port
	RuntimeAPIProxy  string // host:port, or empty
	RegisterBase     time.Duration
	Concurrency      int
	InitType         InitType
	FunctionName     string
	FunctionVersion  string
	FunctionMemoryMB int
	LogStream        string
	LogGroup         string
	LogLevel         logging.Level
	LogJSON          bool
}

// RuntimeAddress is where invocations are taken from: the proxy, if there is one. Extensions are
// registered at RuntimeAPI itself.
func (s *Settings) RuntimeAddress() string {
	if s.RuntimeAPIProxy != "" {
		return s.RuntimeAPIProxy
	}
	return s.RuntimeAPI
}

// InitType is how Lambda made the execution environment.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
type InitType string

// The kinds of initialization that the adapter treats differently.
const (
	OnDemand    InitType = "on-demand"
	Provisioned InitType = "provisioned-concurrency"
	SnapStart   InitType = "snap-start"
)

// StatusSet is a set of HTTP status codes.
type StatusSet [16]uint64

// Has reports whether a status from 0 to 999 is in the set.
func (s *StatusSet) Has(status int) bool {
	return status >= 0 && status < 1000 && s[status/64]>>(status%64)&1 == 1
}

// Empty reports whether there is no status in the set.
func (s *StatusSet) Empty() bool { return *s == StatusSet{} }

func (s *StatusSet) addRange(first, last int) {
	for status := first; status <= last; status++ {
		s[status/64] |= 1 << (status % 64)
	}
}
