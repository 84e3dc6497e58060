package standin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// server is one of the providers in front of the cloud. It serves every version of its package.
type server struct {
	pulumirpc.UnimplementedResourceProviderServer
	cloud   *Cloud
	version string

	mu     sync.Mutex
	engine *grpc.ClientConn // of the command that runs now; components need it
}

// versions are those of the SDKs in go.mod. The engine warns when they differ.
var versions = map[string]string{"aws": "6.83.4", "awsx": "2.22.0", "docker": "4.11.2", "random": "4.19.0"}

// Serve starts the providers and returns what PULUMI_DEBUG_PROVIDERS has to be for the engine to use them.
func (c *Cloud) Serve() (debugProviders string, stop func(), err error) {
	var names []string
	var servers []*grpc.Server
	stop = func() {
		for _, s := range servers {
			s.Stop()
		}
	}
	for name, version := range versions {
		grpcServer := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
		pulumirpc.RegisterResourceProviderServer(grpcServer, &server{cloud: c, version: version})
		port, err := serve(grpcServer)
		if err != nil {
			stop()
			return "", nil, err
		}
		servers = append(servers, grpcServer)
		names = append(names, fmt.Sprintf("%s:%d", name, port))
	}
	return strings.Join(names, ","), stop, nil
}

func serve(server *grpc.Server) (port int, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("listen for the engine: %w", err)
	}
	go server.Serve(listener)
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (p *server) Handshake(_ context.Context,
	r *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	engine, err := grpc.NewClient(r.EngineAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.engine = engine
	p.mu.Unlock()
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true}, nil
}

func (p *server) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p *server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p *server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: p.version}, nil
}

func (p *server) CheckConfig(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: r.News}, nil
}

// DiffConfig: another region is another provider, and with it every resource anew.
func (p *server) DiffConfig(_ context.Context, r *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return diff(r, kind{replaces: []string{"region"}})
}

// Configure begins each command. Since the one before, time has passed.
func (p *server) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	p.cloud.settle()
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true,
		SupportsPreview: true}, nil
}

func (p *server) Check(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	urn := resource.URN(r.Urn)
	k, err := kindOf(string(urn.Type()))
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(r.News)
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(r.Olds)
	if err != nil {
		return nil, err
	}
	if k.named != "" && !news.HasValue(resource.PropertyKey(k.named)) {
		giveName(resource.PropertyKey(k.named), urn.Name(), r.RandomSeed, olds, news)
	}
	if k.check != nil {
		if err := k.check(p.cloud, news); err != nil {
			return &pulumirpc.CheckResponse{Failures: []*pulumirpc.CheckFailure{{Reason: err.Error()}}}, nil
		}
	}
	inputs, err := marshal(news)
	return &pulumirpc.CheckResponse{Inputs: inputs}, err
}

// defaults is where the AWS provider notes which inputs it filled in itself.
const defaults = "__defaults"

// giveName fills a name in: the old one, or the logical name with seven digits drawn from the engine's seed, which is
// the one of the preview when its plan is carried out.
func giveName(key resource.PropertyKey, name string, seed []byte, olds, news resource.PropertyMap) {
	news[defaults] = resource.NewArrayProperty([]resource.PropertyValue{resource.NewStringProperty(string(key))})
	if olds.HasValue(key) && olds.HasValue(defaults) {
		news[key] = olds[key]
		return
	}
	digits := sha256.Sum256(seed)
	news[key] = resource.NewStringProperty(name + "-" + hex.EncodeToString(digits[:])[:7])
}

func (p *server) Diff(_ context.Context, r *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kindOf(string(resource.URN(r.Urn).Type()))
	if err != nil {
		return nil, err
	}
	return diff(r, k)
}

// diff compares inputs with inputs.
func diff(r *pulumirpc.DiffRequest, k kind) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshal(r.OldInputs)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(r.News)
	if err != nil {
		return nil, err
	}
	found, err := unmarshal(r.Olds)
	if err != nil {
		return nil, err
	}
	for _, key := range k.read {
		restore(resource.PropertyKey(key), found, olds)
	}
	for _, key := range r.IgnoreChanges {
		restore(resource.PropertyKey(key), olds, news)
	}
	if k.strip != nil {
		k.strip(olds)
		k.strip(news)
	}
	delete(olds, defaults)
	named := news.HasValue(defaults)
	delete(news, defaults)
	answer := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	difference := olds.Diff(news)
	if difference == nil {
		return answer, nil
	}
	answer.Changes = pulumirpc.DiffResponse_DIFF_SOME
	for _, key := range difference.ChangedKeys() {
		answer.Diffs = append(answer.Diffs, string(key))
		if slices.Contains(k.replaces, string(key)) || k.replaces != nil && k.replaces[0] == "*" {
			answer.Replaces = append(answer.Replaces, string(key))
		}
	}
	// Two things cannot have one name at a time.
	answer.DeleteBeforeReplace = len(answer.Replaces) > 0 && k.named != "" && !named
	return answer, nil
}

func restore(key resource.PropertyKey, olds, news resource.PropertyMap) {
	if old, ok := olds[key]; ok {
		news[key] = old
	} else {
		delete(news, key)
	}
}

// Invoke answers the one function the program calls. The password is another one each time.
func (p *server) Invoke(_ context.Context, r *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	args, err := unmarshal(r.Args)
	if err != nil {
		return nil, err
	}
	if r.Tok != "aws:ecr/getAuthorizationToken:getAuthorizationToken" {
		return nil, fmt.Errorf("nothing answers %s", r.Tok)
	}
	if id := values(args).text("registryId"); id != Account {
		return nil, fmt.Errorf("AccessDeniedException: the registry %q is not this account's", id)
	}
	p.cloud.mu.Lock()
	p.cloud.tokens++
	password := fmt.Sprintf("registry-password-%d", p.cloud.tokens)
	p.cloud.mu.Unlock()
	answer, err := marshal(resource.PropertyMap{
		"id":            resource.NewStringProperty(Account),
		"userName":      resource.NewStringProperty("AWS"),
		"password":      resource.NewStringProperty(password),
		"proxyEndpoint": resource.NewStringProperty("https://" + registry),
	})
	return &pulumirpc.InvokeResponse{Return: answer}, err
}

var wire = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, SkipNulls: true}

func unmarshal(s *structpb.Struct) (resource.PropertyMap, error) {
	if s == nil {
		return resource.PropertyMap{}, nil
	}
	return plugin.UnmarshalProperties(s, wire)
}

func marshal(m resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(m, wire)
}
