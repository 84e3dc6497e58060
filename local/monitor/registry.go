package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

type empty = emptypb.Empty

// Resource is one registered resource. Its values are those of JSON: map[string]any, []any, string,
// float64, bool, nil.
type Resource struct {
	Type    string // for example "aws:lambda/function:Function"
	Name    string // name in the program
	URN     string
	ID      string
	Inputs  map[string]any
	Outputs map[string]any // the inputs with what the provider adds

	document string // of an API's deployment: the OpenAPI document when it was made
}

// Deployment is everything that a program registered, in order, and the stack's outputs.
type Deployment struct {
	Resources []*Resource
	Outputs   map[string]any
	App       App      // what the program was given
	Writable  []string // folders of the app that the setting writable names
}

// OfType lists the resources of one type.
func (d *Deployment) OfType(token string) []*Resource {
	var list []*Resource
	for _, r := range d.Resources {
		if r.Type == token {
			list = append(list, r)
		}
	}
	return list
}

// Differences lists the resources whose inputs are new or changed since another deployment, by name and
// type, and those that are gone.
func (d *Deployment) Differences(before *Deployment) []string {
	var list []string
	old := map[string]*Resource{}
	for _, r := range before.Resources {
		old[r.URN] = r
	}
	for _, r := range d.Resources {
		if was := old[r.URN]; was == nil || !reflect.DeepEqual(was.Inputs, r.Inputs) {
			list = append(list, r.label())
		}
		delete(old, r.URN)
	}
	for _, r := range before.Resources {
		if old[r.URN] != nil {
			list = append(list, r.label()+" (removed)")
		}
	}
	return list
}

// label is a resource in a word or two: "RestApi", "Function version 2".
func (r *Resource) label() string {
	if version := text(r.Outputs, "version"); version != "" {
		return r.kind() + " version " + version
	}
	return r.kind()
}

// kind is the last part of the type: "Function".
func (r *Resource) kind() string { return r.Type[strings.LastIndex(r.Type, ":")+1:] }

// registry is the resource monitor: it answers each registration with the outputs that AWS would give.
type registry struct {
	pulumirpc.UnimplementedResourceMonitorServer
	program Program

	mu        sync.Mutex
	resources []*Resource
	outputs   map[string]any
	errors    []string
}

func newRegistry(p Program) *registry { return &registry{program: p, outputs: map[string]any{}} }

func (g *registry) deployment() *Deployment {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := &Deployment{Resources: g.resources, Outputs: g.outputs, App: g.program.App,
		Writable: g.program.writable()}
	d.takeSnapshots(g.program.Previous)
	d.withSite()
	return d
}

// SupportsFeature declines every optional feature, so that references arrive as plain values.
func (g *registry) SupportsFeature(context.Context,
	*pulumirpc.SupportsFeatureRequest) (*pulumirpc.SupportsFeatureResponse, error) {
	return &pulumirpc.SupportsFeatureResponse{}, nil
}

func (g *registry) RegisterResource(_ context.Context,
	request *pulumirpc.RegisterResourceRequest) (*pulumirpc.RegisterResourceResponse, error) {
	r := &Resource{
		Type:   request.Type,
		Name:   request.Name,
		URN:    g.urn(request.Parent, request.Type, request.Name),
		Inputs: plain(request.Object.AsMap()).(map[string]any),
	}
	if err := g.realise(r, request.Custom || request.Remote); err != nil {
		return nil, g.refuse(fmt.Errorf("%s %q: %w", r.Type, r.Name, err))
	}
	object, err := structpb.NewStruct(r.Outputs)
	if err != nil {
		return nil, g.refuse(fmt.Errorf("%s %q: encode outputs: %w", r.Type, r.Name, err))
	}
	g.mu.Lock()
	g.resources = append(g.resources, r)
	g.mu.Unlock()
	return &pulumirpc.RegisterResourceResponse{Urn: r.URN, Id: r.ID, Object: object}, nil
}

// realise fills ID and Outputs. Components are folders for other resources and have neither.
func (g *registry) realise(r *Resource, custom bool) error {
	r.Outputs = map[string]any{}
	for key, value := range r.Inputs {
		r.Outputs[key] = value
	}
	if !custom {
		return nil
	}
	r.ID = r.Name + "-" + short(r.URN, 7)
	provide, ok := types[r.Type]
	if !ok && strings.HasPrefix(r.Type, "pulumi:providers:") {
		return nil
	}
	if !ok {
		return fmt.Errorf("the local cloud does not have this kind of resource; deploy it to AWS, or leave " +
			"the setting that asks for it out of this stack")
	}
	for key, value := range provide.outputs(account{g.program}, r) {
		r.Outputs[key] = value
	}
	if r.Type == distributionType {
		return g.openSite(r)
	}
	return nil
}

func (g *registry) RegisterResourceOutputs(_ context.Context,
	request *pulumirpc.RegisterResourceOutputsRequest) (*empty, error) {
	if strings.Contains(request.Urn, "::pulumi:pulumi:Stack::") {
		g.mu.Lock()
		g.outputs = plain(request.Outputs.AsMap()).(map[string]any)
		g.mu.Unlock()
	}
	return &empty{}, nil
}

func (g *registry) Invoke(_ context.Context,
	request *pulumirpc.ResourceInvokeRequest) (*pulumirpc.ResourceInvokeResponse, error) {
	call, ok := invokes[request.Tok]
	if !ok {
		return nil, g.refuse(fmt.Errorf("%s: the local cloud does not answer this look-up", request.Tok))
	}
	result, err := structpb.NewStruct(call(account{g.program}))
	if err != nil {
		return nil, g.refuse(fmt.Errorf("%s: encode result: %w", request.Tok, err))
	}
	return &pulumirpc.ResourceInvokeResponse{Return: result}, nil
}

func (g *registry) RegisterPackage(_ context.Context,
	request *pulumirpc.RegisterPackageRequest) (*pulumirpc.RegisterPackageResponse, error) {
	return &pulumirpc.RegisterPackageResponse{Ref: request.Name + "@" + request.Version}, nil
}

func (g *registry) SignalAndWaitForShutdown(context.Context, *empty) (*empty, error) {
	return &empty{}, nil
}

// refuse keeps an error for the user; the program only sees that the registration failed.
func (g *registry) refuse(err error) error {
	g.mu.Lock()
	g.errors = append(g.errors, err.Error())
	g.mu.Unlock()
	return status.Error(codes.InvalidArgument, err.Error())
}

func (g *registry) log(severity pulumirpc.LogSeverity, message string) {
	message = strings.TrimSpace(message)
	if severity < pulumirpc.LogSeverity_WARNING {
		return
	}
	if severity == pulumirpc.LogSeverity_WARNING {
		fmt.Fprintln(g.program.Output, "warning:", message)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errors = append(g.errors, message)
}

// messages is what the user is told about a program that failed: refusals first, else its own words.
func (g *registry) messages() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.errors) == 0 {
		return ""
	}
	message := g.errors[0]
	if _, after, ok := strings.Cut(message, "an unhandled error occurred: program failed:"); ok {
		message = strings.TrimSpace(after)
	}
	// The SDK joins errors into a list, which for one error is noise.
	return strings.TrimSpace(strings.TrimPrefix(message, "1 error occurred:\n\t* "))
}

// urn names a resource as Pulumi does.
// https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
func (g *registry) urn(parent, token, name string) string {
	qualified := token
	if parts := strings.Split(parent, "::"); len(parts) == 4 && parts[2] != "pulumi:pulumi:Stack" {
		qualified = parts[2] + "$" + token
	}
	return "urn:pulumi:" + g.program.Stack + "::" + g.program.Project + "::" + qualified + "::" + name
}

// What marks a value as a secret, which the SDK of a program does whatever the monitor supports.
// https://github.com/pulumi/pulumi/blob/master/docs/architecture/types.md
const (
	signatureKey    = "4dabf18193072939515e22adb298388d"
	secretSignature = "1b47061264138c4ac30d75fd1eb44270"
)

// plain is a value without the marks of secrets in it.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if value[signatureKey] == secretSignature {
			return plain(value["value"])
		}
		for key, member := range value {
			value[key] = plain(member)
		}
	case []any:
		for i, member := range value {
			value[i] = plain(member)
		}
	}
	return value
}

// short is a stable piece of lower-case hexadecimal text made from a name.
func short(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:n]
}
