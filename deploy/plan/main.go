// Command plan makes a plan that `pulumi preview --save-plan` saved one that `pulumi up --plan` can carry out later.
//
//	go run ./deploy/plan plan.json
//
// The password of the registry is another one each time it is asked for, and an update that pushes with another
// password than the preview was given would violate the plan. The command takes it out, so that any password will do;
// everything else of the plan stays as it was approved, and the file holds no credential that is still good.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "plan: name the plan to change: go run ./deploy/plan plan.json")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}

func rewrite(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	changed, err := withoutPasswords(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, changed, 0o600)
}

// imageType is the only type with a password among its inputs.
const imageType = "docker:index/image:Image"

// withoutPasswords replaces the registry password in the planned inputs of every image by what stands for a value
// that is not known yet, which the engine lets be anything.
func withoutPasswords(text []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a number stays as it is written
	var plan map[string]any
	if err := decoder.Decode(&plan); err != nil {
		return nil, fmt.Errorf("is not a plan: %w", err)
	}
	resources, ok := plan["resourcePlans"].(map[string]any)
	if !ok {
		return nil, errors.New("is not a plan: it has no resourcePlans")
	}
	for urn, resource := range resources {
		if strings.Contains(urn, imageType+"::") {
			open(resource)
		}
	}
	return json.MarshalIndent(plan, "", "  ")
}

// open walks down to every registry that has a password.
func open(value any) {
	switch v := value.(type) {
	case map[string]any:
		if registry, ok := v["registry"].(map[string]any); ok && registry["password"] != nil {
			registry["password"] = plugin.UnknownStringValue
		}
		for _, each := range v {
			open(each)
		}
	case []any:
		for _, each := range v {
			open(each)
		}
	}
}
