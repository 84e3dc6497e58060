package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// way is how an app is started: as its Dockerfile says, or with one thing different.
type way struct {
	name        string
	environment map[string]string
	settings    map[string]string
}

// withoutSnapshots takes back what an example's own settings may say of SnapStart.
var withoutSnapshots = map[string]string{"snapStart": "false", "snapStartBefore": "", "snapStartAfter": "",
	"snapStartPrime": "[]"}

// ways are those that make sense for an example, its own first.
func ways(root, name string) []way {
	all := []way{{name: "as it is"}}
	settings, _ := os.ReadFile(filepath.Join(root, "examples", name, "Pulumi."+name+".yaml"))
	snapshots := strings.Contains(string(settings), "snapStart: true")
	if snapshots {
		all = []way{{name: "from a snapshot"}, {name: "without", settings: withoutSnapshots}}
	}
	dockerfile, _ := os.ReadFile(filepath.Join(root, "examples", name, "Dockerfile"))
	text := string(dockerfile)
	if strings.Contains(text, "pip install") {
		// Python looks for bytecode in another folder, where there is none, and writes none.
		all = append(all, way{name: "no bytecode", environment: map[string]string{
			"PYTHONPYCACHEPREFIX": filepath.Join(root, ".lambda-web", "no-bytecode"), "PYTHONDONTWRITEBYTECODE": "1",
		}})
	}
	if strings.Contains(text, "gunicorn") || strings.Contains(text, "start.sh") {
		all = append(all, way{name: "4 workers", environment: map[string]string{"GUNICORN_CMD_ARGS": "--workers 4"}})
	}
	if strings.Contains(text, "uvicorn") {
		all = append(all, way{name: "4 workers", environment: map[string]string{"WEB_CONCURRENCY": "4"}})
	}
	started := map[string]string{"provisionedConcurrency": "1"}
	if snapshots {
		for i := range all[2:] {
			all[2+i].settings = withoutSnapshots
		}
		maps.Copy(started, withoutSnapshots)
	}
	return append(all, way{name: "provisioned concurrency", settings: started})
}
