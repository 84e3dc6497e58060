package monitor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"lambda-web/local/gateway"
)

// A distribution of CloudFront is a listener of its own, in front of the stage's.

const distributionType = "aws:cloudfront/distribution:Distribution"

// openSite has the site listen, and fills the outputs that say where.
func (g *registry) openSite(r *Resource) error {
	if g.program.OpenSite == nil {
		return errors.New("there is no listener for a distribution here")
	}
	address, err := g.program.OpenSite()
	if err != nil {
		return err
	}
	r.ID = "E" + strings.ToUpper(short(r.URN, 13))
	r.Outputs["domainName"] = address
	r.Outputs["hostedZoneId"] = "Z2FDTNDATAQYW2" // of every distribution
	return nil
}

// withSite gives the stack's outputs the site's URL as it is here: without TLS, whose certificate nobody trusts, and
// without a domain of one's own.
func (d *Deployment) withSite() {
	list := d.OfType(distributionType)
	if len(list) == 0 {
		return
	}
	address := text(list[0].Outputs, "domainName")
	names := []string{address}
	aliases, _ := list[0].Inputs["aliases"].([]any)
	for _, alias := range aliases {
		names = append(names, fmt.Sprint(alias))
	}
	for key, value := range d.Outputs {
		for _, name := range names {
			if said, ok := value.(string); ok {
				value = strings.ReplaceAll(said, "https://"+name, "http://"+address)
			}
		}
		d.Outputs[key] = value
	}
}

// HasSite tells whether the deployment has a distribution.
func (d *Deployment) HasSite() bool { return len(d.OfType(distributionType)) > 0 }

// makeSite builds the distribution of a deployment; nil if it has none.
func (c *Cloud) makeSite(d *Deployment, log io.Writer) (*gateway.Site, error) {
	list := d.OfType(distributionType)
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, errors.New("the program makes several CloudFront distributions; one machine has one " +
			"site, so leave the setting front out of all web apps but one")
	}
	r := list[0]
	behavior := object(r.Inputs, "defaultCacheBehavior")
	origin, err := originOf(r, text(behavior, "targetOriginId"))
	if err != nil {
		return nil, err
	}
	tellsHost, err := d.tellsHost(behavior)
	if err != nil {
		return nil, err
	}
	config := gateway.SiteConfig{
		ID: r.ID, Origin: text(origin, "domainName"), OriginPath: text(origin, "originPath"),
		Headers: http.Header{}, TellsHost: tellsHost, Compress: behavior["compress"] == true, Transport: c.transport,
		ReadTimeout: time.Duration(number(object(origin, "customOriginConfig"), "originReadTimeout", 30)) * time.Second,
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	}
	if c.settings.Debug {
		config.ReadTimeout = 24 * time.Hour
	}
	for _, header := range objects(origin, "customHeaders") {
		config.Headers.Add(text(header, "name"), text(header, "value"))
	}
	return gateway.NewSite(config), nil
}

// originOf is the origin of a distribution by its id. It is a stage of this machine.
func originOf(r *Resource, id string) (map[string]any, error) {
	for _, origin := range objects(r.Inputs, "origins") {
		if text(origin, "originId") == id && origin["customOriginConfig"] != nil {
			return origin, nil
		}
	}
	return nil, fmt.Errorf("distribution %s: its origin %q is no stage of this machine", r.Name, id)
}

// tellsHost reports whether a function tells the origin the viewer's host. Functions at the edge are not run here: what
// the program's own one does is done, and another one is refused.
func (d *Deployment) tellsHost(behavior map[string]any) (bool, error) {
	associations := objects(behavior, "functionAssociations")
	for _, association := range associations {
		if function := text(association, "functionArn"); !d.knows(function) {
			return false, fmt.Errorf("the CloudFront function %s cannot be run on this machine: only the one "+
				"that tells the viewer's host is known", function)
		}
	}
	return len(associations) > 0, nil
}

// knows reports whether a function is the one that tells the viewer's host.
func (d *Deployment) knows(function string) bool {
	return slices.ContainsFunc(d.OfType("aws:cloudfront/function:Function"), func(r *Resource) bool {
		return text(r.Outputs, "arn") == function &&
			strings.Contains(text(r.Inputs, "code"), "request.headers['x-forwarded-host']")
	})
}

// objects is a list value whose members are maps.
func objects(values map[string]any, key string) []map[string]any {
	var list []map[string]any
	members, _ := values[key].([]any)
	for _, member := range members {
		if member, ok := member.(map[string]any); ok {
			list = append(list, member)
		}
	}
	return list
}

// ServeSite answers a request to the distribution.
func (c *Cloud) ServeSite(w http.ResponseWriter, r *http.Request) {
	if site := c.site.Load(); site != nil {
		site.ServeHTTP(w, r)
		return
	}
	http.Error(w, "Nothing is deployed yet: the local cloud says why.", http.StatusServiceUnavailable)
}

func edgeFunctionOutputs(a account, r *Resource) map[string]any {
	r.ID = physicalName(r)
	return map[string]any{"name": r.ID, "arn": a.arn("cloudfront", "function/"+r.ID)}
}

// passwordCharacters are those of a password without special ones. There are fewer than 64 of them, so six random bits
// that are none of them are drawn again.
const passwordCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// passwordOutputs are random, and stay while the resource's inputs do, as its state is the deployment before.
func passwordOutputs(a account, r *Resource) map[string]any {
	r.ID = "none" // as the provider has it: an id is no secret
	if a.program.Previous != nil {
		for _, old := range a.program.Previous.OfType(r.Type) {
			if old.URN == r.URN && reflect.DeepEqual(old.Inputs, r.Inputs) {
				return map[string]any{"result": text(old.Outputs, "result")}
			}
		}
	}
	password := make([]byte, 0, int(number(r.Inputs, "length", 1)))
	for len(password) < cap(password) {
		var drawn [1]byte
		rand.Read(drawn[:]) // never fails
		if i := int(drawn[0] & 63); i < len(passwordCharacters) {
			password = append(password, passwordCharacters[i])
		}
	}
	return map[string]any{"result": string(password)}
}
