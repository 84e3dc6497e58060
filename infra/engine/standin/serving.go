package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// serves follows a request to the stage as far as the app's image. The error says where it would fail.
func (c *Cloud) serves(stage *Object) error {
	deployment := c.find(deploymentType, stage.Text("deployment"))
	if deployment == nil {
		return fmt.Errorf("its deployment %s is gone", stage.Text("deployment"))
	}
	functions, err := integrations(deployment.document)
	if err != nil {
		return err
	}
	for _, function := range functions {
		alias := c.find(aliasType, function)
		if alias == nil {
			return fmt.Errorf("the deployed API invokes %s, which does not exist", function)
		}
		if err := c.invokes(stage, alias); err != nil {
			return err
		}
	}
	return nil
}

// integrations are the ARNs of the functions that an OpenAPI document invokes.
func integrations(document string) ([]string, error) {
	var api struct {
		Paths map[string]map[string]struct {
			Integration struct {
				URI string `json:"uri"`
			} `json:"x-amazon-apigateway-integration"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document), &api); err != nil {
		return nil, fmt.Errorf("the deployed document: %w", err)
	}
	var functions []string
	for _, item := range api.Paths {
		for _, operation := range item {
			_, rest, _ := strings.Cut(operation.Integration.URI, "/functions/")
			function, _, _ := strings.Cut(rest, "/")
			functions = append(functions, function)
		}
	}
	if len(functions) == 0 {
		return nil, errors.New("the deployed document has no paths")
	}
	return functions, nil
}

// invokes says whether the API may invoke what the alias points at, and whether that has an image.
func (c *Cloud) invokes(stage, alias *Object) error {
	function := c.where(functionType, "name", alias.Text("functionName"))
	if function == nil {
		return fmt.Errorf("the function %s is gone", alias.Text("functionName"))
	}
	image, ok := function.versions[alias.Text("functionVersion")]
	if !ok || !c.has(image) {
		return fmt.Errorf("version %s of the function has no image", alias.Text("functionVersion"))
	}
	source := arn("execute-api", stage.Text("restApi")+"/"+stage.Text("stageName")+"/*/*")
	for _, p := range c.all(permissionType) {
		if p.Text("function") == function.ID && p.Text("qualifier") == alias.Text("name") && p.Text("sourceArn") == source &&
			p.Text("principal") == "apigateway.amazonaws.com" && p.Text("action") == "lambda:InvokeFunction" {
			return nil
		}
	}
	return fmt.Errorf("no permission lets %s invoke %s", source, alias.ID)
}

// Serves reports whether requests to every stage reach the app; there has to be one.
func (c *Cloud) Serves() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stages := c.all(stageType)
	if len(stages) == 0 {
		return errors.New("there is no stage")
	}
	for _, stage := range stages {
		if err := c.serves(stage); err != nil {
			return fmt.Errorf("stage %s: %w", stage.Text("stageName"), err)
		}
	}
	return nil
}
