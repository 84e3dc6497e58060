package monitor

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// account is the AWS account that this machine plays.
type account struct{ program Program }

func (a account) id() string { return "000000000000" }

func (a account) region() string {
	if region := a.program.Config["aws:region"]; region != "" {
		return region
	}
	return "us-east-1"
}

func (a account) arn(service, resource string) string {
	region := a.region()
	if service == "iam" {
		region = ""
	}
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, a.id(), resource)
}

func (a account) registry() string {
	return a.id() + ".dkr.ecr." + a.region() + ".amazonaws.com"
}

// invokeARN is the URI an API Gateway integration names to invoke a function.
func (a account) invokeARN(function string) string {
	return "arn:aws:apigateway:" + a.region() + ":lambda:path/2015-03-31/functions/" + function + "/invocations"
}

func nothing(account, *Resource) map[string]any { return nil }

// physicalName is the name input, or the one that Pulumi would make: a stable one, as there is no state.
func physicalName(r *Resource) string {
	if name := text(r.Inputs, "name"); name != "" {
		return name
	}
	return r.ID
}

func repositoryOutputs(a account, r *Resource) map[string]any {
	r.ID = strings.ToLower(physicalName(r))
	url := a.registry() + "/" + r.ID
	return map[string]any{"name": r.ID, "url": url, "repositoryUrl": url, "registryId": a.id(), "arn": a.arn("ecr",
		"repository/"+r.ID)}
}

func imageOutputs(_ account, r *Resource) map[string]any {
	name := text(r.Inputs, "imageName")
	r.ID = name
	repository := name
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		repository = name[:colon]
	}
	return map[string]any{"repoDigest": repository + "@sha256:" + short(name, 64), "baseImageName": repository}
}

// randomOutputs are the same for the same keepers, as there is no state.
func randomOutputs(_ account, r *Resource) map[string]any {
	digits := 2 * int(number(r.Inputs, "byteLength", 3))
	r.ID = short(fmt.Sprint(r.Inputs["keepers"]), digits)
	return map[string]any{"hex": r.ID}
}

func logGroupOutputs(a account, r *Resource) map[string]any {
	r.ID = physicalName(r)
	return map[string]any{"name": r.ID, "arn": a.arn("logs", "log-group:"+r.ID)}
}

func roleOutputs(a account, r *Resource) map[string]any {
	r.ID = physicalName(r)
	return map[string]any{"name": r.ID, "arn": a.arn("iam", "role/"+r.ID)}
}

func functionOutputs(a account, r *Resource) map[string]any {
	r.ID = physicalName(r)
	arn := a.arn("lambda", "function:"+r.ID)
	version := nextVersion(a.program.Previous, r)
	return map[string]any{
		"name": r.ID, "arn": arn, "version": version,
		"qualifiedArn": arn + ":" + version, "invokeArn": a.invokeARN(arn), "qualifiedInvokeArn": a.invokeARN(arn +
			":" + version),
	}
}

// nextVersion is the version a function's code and settings are published as: the one before if nothing
// changed, else one more.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
func nextVersion(previous *Deployment, r *Resource) string {
	if previous == nil {
		return "1"
	}
	for _, old := range previous.OfType(r.Type) {
		if old.URN != r.URN {
			continue
		}
		version := text(old.Outputs, "version")
		if n, err := strconv.Atoi(version); err == nil && !reflect.DeepEqual(old.Inputs, r.Inputs) {
			return strconv.Itoa(n + 1)
		}
		return version
	}
	return "1"
}

func aliasOutputs(a account, r *Resource) map[string]any {
	function := text(r.Inputs, "functionName")
	if !strings.HasPrefix(function, "arn:") {
		function = a.arn("lambda", "function:"+function)
	}
	r.ID = function + ":" + physicalName(r)
	return map[string]any{"name": physicalNameOf(r), "arn": r.ID, "invokeArn": a.invokeARN(r.ID)}
}

func physicalNameOf(r *Resource) string {
	return r.ID[strings.LastIndex(r.ID, ":")+1:]
}

func restAPIOutputs(a account, r *Resource) map[string]any {
	name := physicalName(r)
	r.ID = short(r.URN, 10)
	return map[string]any{
		"name": name, "rootResourceId": short(r.URN+"/", 10),
		"executionArn": a.arn("execute-api", r.ID), "arn": a.arn("apigateway", "/restapis/"+r.ID),
	}
}

// deploymentOutputs: a deployment whose inputs change is another one.
func deploymentOutputs(_ account, r *Resource) map[string]any {
	inputs, _ := json.Marshal(r.Inputs) // with its keys in order
	r.ID = short(r.URN+string(inputs), 6)
	return nil
}

// invocationOutputs has the answer of a command that has not run yet when the program asks: it runs when the deployment
// is made real.
func invocationOutputs(account, *Resource) map[string]any {
	return map[string]any{"result": `{"exitCode":0,"output":""}`}
}

func topicOutputs(a account, r *Resource) map[string]any {
	r.ID = a.arn("sns", physicalName(r))
	return map[string]any{"name": physicalName(r), "arn": r.ID}
}

func queueOutputs(a account, r *Resource) map[string]any {
	r.ID = "https://sqs." + a.region() + ".amazonaws.com/" + a.id() + "/" + physicalName(r)
	return map[string]any{"name": physicalName(r), "arn": a.arn("sqs", physicalName(r)), "url": r.ID}
}

func stageOutputs(a account, r *Resource) map[string]any {
	api, stage := text(r.Inputs, "restApi"), text(r.Inputs, "stageName")
	r.ID = "ags-" + api + "-" + stage
	return map[string]any{
		"invokeUrl": a.program.BaseURL + "/" + stage, "executionArn": a.arn("execute-api", api+"/"+stage),
		"arn": a.arn("apigateway", "/restapis/"+api+"/stages/"+stage),
	}
}

// text is a string value, or empty.
func text(values map[string]any, key string) string {
	value, _ := values[key].(string)
	return value
}

// number is a numeric value, or the fallback.
func number(values map[string]any, key string, fallback float64) float64 {
	if value, ok := values[key].(float64); ok {
		return value
	}
	return fallback
}

// object is a map value, or an empty one.
func object(values map[string]any, key string) map[string]any {
	value, _ := values[key].(map[string]any)
	return value
}

// texts is a map value whose members are texts.
func texts(values map[string]any) map[string]string {
	list := make(map[string]string, len(values))
	for key, value := range values {
		list[key] = fmt.Sprint(value)
	}
	return list
}
