package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// language is the language host of Go programs: it starts one that is built already.
type language struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	program string

	mu     sync.Mutex
	engine string // address of the command that runs now
}

// ServeLanguage starts the host and returns what PULUMI_DEBUG_LANGUAGES has to be for the CLI to use it.
func ServeLanguage(program string) (debugLanguages string, stop func(), err error) {
	server := grpc.NewServer()
	pulumirpc.RegisterLanguageRuntimeServer(server, &language{program: program})
	port, err := serve(server)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("go:%d", port), server.Stop, nil
}

func (l *language) Handshake(_ context.Context,
	r *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine = r.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (l *language) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "0.0.0"}, nil
}

func (l *language) GetRequiredPackages(context.Context,
	*pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

func (l *language) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// InstallDependencies has nothing to do: the program is built.
func (l *language) InstallDependencies(*pulumirpc.InstallDependenciesRequest,
	pulumirpc.LanguageRuntime_InstallDependenciesServer) error {
	return nil
}

// Run starts the program as the real host does. What it prints is part of its error.
func (l *language) Run(ctx context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	config, err := json.Marshal(r.Config)
	if err != nil {
		return nil, err
	}
	secret, err := json.Marshal(r.ConfigSecretKeys)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	engine := l.engine
	l.mu.Unlock()
	command := exec.CommandContext(ctx, l.program)
	command.Dir = r.Pwd
	command.Env = append(os.Environ(),
		pulumi.EnvProject+"="+r.Project, pulumi.EnvStack+"="+r.Stack, pulumi.EnvOrganization+"="+r.Organization,
		pulumi.EnvConfig+"="+string(config), pulumi.EnvConfigSecretKeys+"="+string(secret),
		fmt.Sprintf("%s=%t", pulumi.EnvDryRun, r.DryRun), fmt.Sprintf("%s=%d", pulumi.EnvParallel, r.Parallel),
		pulumi.EnvMonitor+"="+r.MonitorAddress, pulumi.EnvEngine+"="+engine,
		pulumi.EnvPulumiRootDirectory+"="+r.GetInfo().GetRootDirectory())
	output, err := command.CombinedOutput()
	if err != nil {
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("%v\n%s", err, output), Bail: true}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}
