package container

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// endpoint is where the user's settings say that the engine is.
type endpoint struct {
	host string // unix:///PATH, tcp://HOST:PORT, ssh://..., npipe://...
	from string // the setting: "DOCKER_HOST", `the Docker context "colima"`
	tls  bool   // certificates are needed
}

// plain says whether an HTTP request without more reaches the endpoint.
func (e *endpoint) plain() bool {
	return strings.HasPrefix(e.host, "unix://") || strings.HasPrefix(e.host, "tcp://") && !e.tls
}

// chosenEndpoint is the engine that the user's settings name, in the order of the docker command; nil without
// such a setting.
//
// https://docs.docker.com/engine/manage-resources/contexts/
func chosenEndpoint() (*endpoint, error) {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		if !strings.Contains(host, "://") {
			host = "tcp://" + host
		}
		return &endpoint{host: host, from: "DOCKER_HOST", tls: os.Getenv("DOCKER_TLS_VERIFY") != ""}, nil
	}
	folder := os.Getenv("DOCKER_CONFIG")
	if folder == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, nil // and so no settings
		}
		folder = filepath.Join(home, ".docker")
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		text, err := os.ReadFile(filepath.Join(folder, "config.json"))
		if err != nil || json.Unmarshal(text, &config) != nil {
			return nil, nil // the docker command, too, takes a broken file for none
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return nil, nil
	}
	return readContext(folder, name)
}

// readContext reads the file in which the docker command keeps a context.
func readContext(folder, name string) (*endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	from := fmt.Sprintf("the Docker context %q", name)
	text, err := os.ReadFile(filepath.Join(folder, "contexts", "meta", id, "meta.json"))
	if err != nil {
		return nil, &UnavailableError{from + " does not exist",
			"choose another one (docker context ls, docker context use default)"}
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := json.Unmarshal(text, &meta); err != nil || meta.Endpoints["docker"].Host == "" {
		return nil, &UnavailableError{from + " names no engine",
			"choose another one (docker context ls, docker context use default)"}
	}
	certificates, _ := os.ReadDir(filepath.Join(folder, "contexts", "tls", id, "docker"))
	return &endpoint{host: meta.Endpoints["docker"].Host, from: from, tls: len(certificates) > 0}, nil
}

// groupOf is the group whose users may use a socket.
func groupOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "docker"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Gid != 0 {
		if group, err := user.LookupGroupId(strconv.Itoa(int(stat.Gid))); err == nil {
			return group.Name
		}
	}
	return "docker"
}
