package engine

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"lambda-web/test/engine/standin"
)

// TestUpgrade: a stack that an earlier release deployed is taken over. Its URL, repository, logs and alias stay what
// they are, no request is dropped, and afterwards there is nothing left to do.
func TestUpgrade(t *testing.T) {
	states, err := filepath.Glob("testdata/states/*.json")
	if err != nil || len(states) == 0 {
		t.Fatalf("there are no states of earlier releases: %v", err)
	}
	for _, path := range states {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			p := newProject(t)
			cloud := standin.New(p.root + "/infra")
			resources := read(t, path)
			cloud.Adopt(resources)
			if err := cloud.Serves(); err != nil {
				t.Fatalf("the recorded account: %v", err)
			}
			if settings, err := os.ReadFile(strings.TrimSuffix(path, ".json") + ".yaml"); err == nil {
				p.put(t, "Pulumi.dev.yaml", string(settings))
			}
			c := newCommands(t, p, cloud)
			c.run(t, "stack", "init", "dev")
			c.run(t, "stack", "import", "--stack", "dev", "--file", path)
			t.Log(c.run(t, "preview", "--stack", "dev"))
			c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview")
			for _, dropped := range cloud.Dropped() {
				t.Error(dropped)
			}
			if err := cloud.Serves(); err != nil {
				t.Error(err)
			}
			for _, o := range cloud.Operations() {
				if o.Op == "delete" && o.Type != "aws:apigateway/deployment:Deployment" && !dead(o.Name) {
					t.Errorf("the upgrade did %s", o)
				}
			}
			for _, was := range resources {
				if was.Type == "aws:apigateway/deployment:Deployment" {
					continue // a snapshot: another document is another one
				}
				if dead(was.Name) {
					continue
				}
				if is := cloud.Objects(was.Type); len(is) == 0 || !has(is, was.ID) {
					t.Errorf("%s %s is another one now", was.Type, was.ID)
				}
			}
			// Where scaling moves their number, Lambda's own weights on the alias are gone when they are looked for.
			c.run(t, "refresh", "--stack", "dev", "--yes", "--skip-preview")
			c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes")
		})
	}
}

// dead is the IPv6 record of a domain that is reached by IPv4 alone, which earlier releases made.
func dead(name string) bool { return strings.HasSuffix(name, "-aaaa") }

func has(objects []*standin.Object, id string) bool {
	for _, o := range objects {
		if o.ID == id {
			return true
		}
	}
	return false
}

// read takes the resources out of an exported state.
func read(t *testing.T, path string) []standin.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Deployment struct {
			Resources []struct {
				URN, ID, Type   string
				Custom          bool
				Inputs, Outputs map[string]any
			}
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	var found []standin.Object
	for _, r := range state.Deployment.Resources {
		if !r.Custom || strings.HasPrefix(r.Type, "pulumi:") {
			continue
		}
		found = append(found, standin.Object{
			Type: r.Type, Name: resource.URN(r.URN).Name(), URN: r.URN, ID: r.ID,
			Inputs: properties(t, r.Inputs), State: properties(t, r.Outputs),
		})
	}
	return found
}

func properties(t *testing.T, values map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(opened(t, values).(map[string]any))
}

// opened replaces secrets, as an export with --show-secrets has them, by what they hold.
func opened(t *testing.T, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["plaintext"].(string); ok && v[resource.SigKey] == resource.SecretSig {
			var plain any
			if err := json.Unmarshal([]byte(text), &plain); err != nil {
				t.Fatal(err)
			}
			return plain
		}
		object := map[string]any{}
		for key, each := range v {
			object[key] = opened(t, each)
		}
		return object
	case []any:
		list := []any{}
		for _, each := range v {
			list = append(list, opened(t, each))
		}
		return list
	}
	return value
}

// TestRecord writes the state a release leaves, for TestUpgrade to start from:
//
//	LAMBDA_WEB_RELEASE=<checkout of the release> LAMBDA_WEB_RECORD=<name> make test-engine
//
// For a name that ends in -everything each optional resource is made, and the settings for it are written too.
func TestRecord(t *testing.T) {
	name := os.Getenv("LAMBDA_WEB_RECORD")
	if name == "" {
		t.Skip("LAMBDA_WEB_RECORD names no state to record")
	}
	target, err := filepath.Abs(filepath.Join("testdata", "states", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProject(t)
	c := newCommands(t, p, standin.New(p.root+"/infra"))
	c.run(t, "stack", "init", "dev")
	if strings.HasSuffix(name, "-everything") {
		c.recordSettings(t, strings.TrimSuffix(target, ".json")+".yaml")
	}
	c.run(t, "up", "--stack", "dev", "--yes", "--skip-preview")
	var state any
	if err := json.Unmarshal([]byte(c.run(t, "stack", "export", "--stack", "dev", "--show-secrets")),
		&state); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(withoutPlaces(state), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// recordSettings makes the stack's settings those of everything, and writes them without what belongs to this run.
func (c commands) recordSettings(t *testing.T, target string) {
	t.Helper()
	arguments := []string{"config", "set-all", "--stack", "dev", "--path"}
	for _, key := range slices.Sorted(maps.Keys(everything)) {
		arguments = append(arguments, "--plaintext", key+"="+everything[key])
	}
	c.run(t, arguments...)
	text, err := os.ReadFile(filepath.Join(c.root, "Pulumi.dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "encryptionsalt:") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(target, []byte(kept.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withoutPlaces drops where in the program's source each resource was made.
func withoutPlaces(value any) any {
	switch v := value.(type) {
	case map[string]any:
		delete(v, "sourcePosition")
		delete(v, "stackTrace")
		for key := range v {
			v[key] = withoutPlaces(v[key])
		}
	case []any:
		for i := range v {
			v[i] = withoutPlaces(v[i])
		}
	}
	return value
}
