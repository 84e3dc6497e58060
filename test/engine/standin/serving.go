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
	calls, err := integrations(deployment.api.document)
	if err != nil {
		return err
	}
	for _, call := range calls {
		alias := c.find(aliasType, call.function)
		if alias == nil {
			return fmt.Errorf("the deployed API invokes %s, which does not exist", call.function)
		}
		if err := c.invokes(stage, alias, call.mode); err != nil {
			return err
		}
	}
	return asDocumented(deployment.api)
}

// asDocumented: who may call is what the document says.
func asDocumented(api deployedAPI) error {
	said, err := documentPolicy(api.document)
	if err == nil && said != api.policy {
		err = fmt.Errorf("the policy of the deployed API is %s, and its document says %s", api.policy, said)
	}
	return err
}

// integration is a call of a function: its ARN, and in which mode the API takes the answer.
type integration struct {
	function, mode string
}

// integrations are the calls in an OpenAPI document.
func integrations(document string) ([]integration, error) {
	var api struct {
		Paths map[string]map[string]struct {
			Integration struct {
				Type string `json:"type"`
				URI  string `json:"uri"`
				Mode string `json:"responseTransferMode"`
			} `json:"x-amazon-apigateway-integration"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document), &api); err != nil {
		return nil, fmt.Errorf("the deployed document: %w", err)
	}
	var calls []integration
	for _, item := range api.Paths {
		for _, operation := range item {
			if operation.Integration.Type == "mock" {
				continue // answered without a function
			}
			_, rest, _ := strings.Cut(operation.Integration.URI, "/functions/")
			function, _, _ := strings.Cut(rest, "/")
			mode := "buffered"
			if operation.Integration.Mode == "STREAM" {
				mode = "response_stream"
			}
			calls = append(calls, integration{function, mode})
		}
	}
	if len(calls) == 0 {
		return nil, errors.New("the deployed document has no paths")
	}
	return calls, nil
}

// invokes says whether the API may invoke what the alias points at, whether that has an image, and whether it answers
// in the mode the API expects.
func (c *Cloud) invokes(stage, alias *Object, mode string) error {
	function := c.where(functionType, "name", alias.Text("functionName"))
	if function == nil {
		return fmt.Errorf("the function %s is gone", alias.Text("functionName"))
	}
	for _, name := range servedVersions(alias) {
		v, ok := function.versions[name]
		if !ok || !c.has(v.image) {
			return fmt.Errorf("version %s of the function has no image", name)
		}
		if v.state != active {
			return fmt.Errorf("version %s of the function is %s", name, v.state)
		}
		if v.mode != "" && v.mode != mode {
			return fmt.Errorf("the deployed API takes answers %s, and version %s of the function gives them %s", mode,
				name, v.mode)
		}
	}
	source := arn("execute-api", stage.Text("restApi")+"/"+stage.Text("stageName")+"/*/*")
	for _, p := range c.all(permissionType) {
		if p.Text("function") == function.ID && p.Text("qualifier") == alias.Text("name") &&
			p.Text("sourceArn") == source &&
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
	for _, distribution := range c.all(distributionType) {
		if err := c.known(distribution); err != nil {
			return fmt.Errorf("distribution %s: %w", distribution.ID, err)
		}
	}
	return nil
}
