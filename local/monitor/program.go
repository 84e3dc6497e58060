package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"

	"lambda-web/local/step"
)

// Program is a built Pulumi program and the stack it is run for: what "pulumi up" would start.
type Program struct {
	Binary  string            // the built program
	Dir     string            // its working directory, the folder that Pulumi.yaml names as main
	Root    string            // the folder of Pulumi.yaml
	Project string            // name in Pulumi.yaml
	Stack   string            // name of the stack
	Config  map[string]string // settings of the stack by "namespace:key"; objects as JSON
	BaseURL string            // scheme and host under which stages answer, for example http://127.0.0.1:3000
	Output  io.Writer         // what the program prints
	// OpenSite has a distribution in front of the API listen and returns where, for example 127.0.0.1:3001. It is called
	// for each program that makes one.
	OpenSite func() (address string, err error)
	App      App

	// Previous is the deployment that this one replaces: a function that changed since gets the next
	// version number. Nil starts at version 1.
	Previous *Deployment
}

// App is the app that a program deploys, where its developer has it.
type App struct {
	Folder     string
	Dockerfile string // path; it need not exist
}

// Run runs the program against this machine instead of an AWS account and returns what it registered.
// The program is the very one that Pulumi runs: it speaks to the resource monitor and to the engine
// over gRPC, and both are served here.
// https://www.pulumi.com/docs/iac/concepts/how-pulumi-works/
func Run(ctx context.Context, p Program) (*Deployment, error) {
	registry := newRegistry(p)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	pulumirpc.RegisterResourceMonitorServer(server, registry)
	pulumirpc.RegisterEngineServer(server, &engine{registry: registry})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Pulumi program: %w", err)
	}
	go server.Serve(listener)
	defer server.Stop()

	if err := p.run(ctx, listener.Addr().String()); err != nil {
		if message := registry.messages(); message != "" {
			return nil, fmt.Errorf("the Pulumi program stopped: %s", message)
		}
		return nil, fmt.Errorf("run the Pulumi program: %w", err)
	}
	return registry.deployment(), nil
}

// run starts the program as Pulumi's language host does and waits for its end.
func (p Program) run(ctx context.Context, address string) error {
	config, err := json.Marshal(p.Config)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	var printed bytes.Buffer
	err = step.Run(ctx, step.Command{
		Name: filepath.Base(p.Binary), Args: []string{p.Binary}, Dir: p.Dir, Output: io.MultiWriter(p.Output, &printed),
		Env: append(os.Environ(),
			"PULUMI_PROJECT="+p.Project, "PULUMI_STACK="+p.Stack, "PULUMI_ORGANIZATION=local",
			"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS=[]",
			"PULUMI_DRY_RUN=false", "PULUMI_PARALLEL=16", "PULUMI_ROOT_DIRECTORY="+p.Root,
			"PULUMI_MONITOR="+address, "PULUMI_ENGINE="+address),
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w %s", err, strings.TrimSpace(printed.String()))
	}
	return err
}

// engine takes the log lines of the program and answers for its root resource.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	registry *registry

	mu   sync.Mutex
	root string
}

func (e *engine) Log(_ context.Context, request *pulumirpc.LogRequest) (*empty, error) {
	e.registry.log(request.Severity, request.Message)
	return &empty{}, nil
}

func (e *engine) GetRootResource(context.Context,
	*pulumirpc.GetRootResourceRequest) (*pulumirpc.GetRootResourceResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &pulumirpc.GetRootResourceResponse{Urn: e.root}, nil
}

func (e *engine) SetRootResource(_ context.Context,
	request *pulumirpc.SetRootResourceRequest) (*pulumirpc.SetRootResourceResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.root = request.Urn
	return &pulumirpc.SetRootResourceResponse{}, nil
}

func (e *engine) RequirePulumiVersion(context.Context,
	*pulumirpc.RequirePulumiVersionRequest) (*pulumirpc.RequirePulumiVersionResponse, error) {
	return &pulumirpc.RequirePulumiVersionResponse{}, nil
}
