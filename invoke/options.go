package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// token is a header's name or a method (RFC 9110 section 5.6.2); control is what a header's value cannot have.
var (
	token   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	control = regexp.MustCompile(`[\x00-\x08\x0a-\x1f\x7f]`)
)

// options are the command line.
type options struct {
	url     *url.URL
	method  string
	data    string // the text, or @ and the name of a file; @- is stdin
	hasData bool
	headers http.Header

	region, service, profile string
	unsigned                 bool

	include, verbose bool
	timeout          time.Duration
}

const usage = `Calls an API with a request signed by Signature Version 4.

  go run ./invoke [flags] URL

The region and whether the URL is an API's or a function's follow from its host name. For other hosts, such as the
local cloud's or your own domain, the region is -region or AWS_REGION or the profile's, and the service execute-api.

Exit codes: 0 for an answer with a status of 2xx; 3, 4 or 5 for 3xx, 4xx or 5xx; 1 for no answer; 2 for wrong
arguments or no credentials.

`

// readOptions reads the command line. Flags may stand before and after the URL.
func readOptions(args []string, stderr io.Writer) (options, error) {
	o := options{headers: http.Header{}}
	flags := flag.NewFlagSet("invoke", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.method, "X", "", "the `METHOD`; GET, or POST with -d")
	flags.Func("d", "the body: `DATA` as it stands, @FILE or @- for stdin", func(text string) error {
		o.data, o.hasData = text, true
		return nil
	})
	flags.Func("H", "a header, `'NAME: VALUE'`; may be repeated", o.addHeader)
	flags.BoolVar(&o.include, "i", false, "print status and headers before the body")
	flags.BoolVar(&o.verbose, "v", false,
		"print request and answer without their bodies to stderr; session tokens are left out")
	flags.BoolVar(&o.unsigned, "u", false, "do not sign")
	flags.StringVar(&o.region, "region", "", "the `REGION` to sign for")
	flags.StringVar(&o.service, "service", "",
		"the `SERVICE` to sign for: execute-api for APIs, lambda for function URLs")
	flags.StringVar(&o.profile, "profile", "",
		"the `PROFILE` of the AWS configuration to take credentials and region from")
	flags.DurationVar(&o.timeout, "timeout", 0, "how long to wait for the whole answer, such as 30s; 0 for ever")
	base := flags.String("base", "", "a `URL` that the argument, a path then, is added to")

	var places []string
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			flags.SetOutput(stderr)
			flags.PrintDefaults()
			return o, err
		} else if err != nil {
			return o, fmt.Errorf("%w; -h lists the flags", err)
		}
		if flags.NArg() == 0 {
			break
		}
		places, rest = append(places, flags.Arg(0)), flags.Args()[1:]
	}
	var err error
	if o.url, err = locate(*base, places); err != nil {
		return o, err
	}
	return o, o.check()
}

// addHeader takes "NAME: VALUE". An empty value is allowed.
func (o *options) addHeader(text string) error {
	name, value, ok := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || !token.MatchString(name) || control.MatchString(value) {
		return errors.New("use 'NAME: VALUE'")
	}
	o.headers[textproto.CanonicalMIMEHeaderKey(name)] = append(o.headers.Values(name), value)
	return nil
}

// locate makes the URL: one argument, or a base with at most one path.
func locate(base string, places []string) (*url.URL, error) {
	text := base
	switch {
	case len(places) > 1:
		return nil, fmt.Errorf("there is more than one URL: %s; quote what belongs together", strings.Join(places,
			" and "))
	case base == "" && len(places) == 0:
		return nil, errors.New("there is no URL; use: invoke [flags] URL (-h lists the flags)")
	case base == "":
		text = places[0]
	case len(places) == 1 && strings.HasPrefix(places[0], "?"):
		text = base + places[0]
	case len(places) == 1:
		text = strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(places[0], "/")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a URL; use one such as "+
			"https://a1b2c3.execute-api.eu-central-1.amazonaws.com/v1/", text)
	}
	if u.User != nil {
		return nil, fmt.Errorf("the URL has a user name; a signature takes the place of one, or use -H " +
			"'Authorization: ...' with -u")
	}
	return u, nil
}

func (o *options) check() error {
	if o.method != "" && !token.MatchString(o.method) {
		return fmt.Errorf("-X %q is not a method; use one such as PUT", o.method)
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Connection"} {
		if o.headers.Get(name) != "" {
			return fmt.Errorf("-H %s follows from the data and the connection; leave it out", name)
		}
	}
	if !o.unsigned && o.headers.Get("Authorization") != "" {
		return errors.New("-H Authorization is the place of the signature; leave it out, or use -u for a " +
			"request that is not signed")
	}
	if o.timeout < 0 {
		return fmt.Errorf("-timeout %s is negative; use one such as 30s", o.timeout)
	}
	return nil
}

func (o *options) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, o.timeout)
}
