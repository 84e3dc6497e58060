package webapp

import (
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// inClear is what the stack's file says of a map without encrypting it. It is compared with what Pulumi
// hands on before it counts, so another file than the one Pulumi read, or none, makes more values
// secret and never fewer.
func (r reader) inClear(key string) map[string]string {
	places, err := locate(r.ctx)
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(places.root, "Pulumi."+places.stack+".yaml"))
	if err != nil {
		return nil
	}
	var file struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if yaml.Unmarshal(text, &file) != nil {
		return nil
	}
	node := file.Config[r.ctx.Project()+":"+key]
	var values map[string]yaml.Node
	if node.Decode(&values) != nil {
		return nil
	}
	clear := map[string]string{}
	for name, value := range values {
		if value.Kind == yaml.ScalarNode {
			clear[name] = value.Value
		}
	}
	return clear
}
