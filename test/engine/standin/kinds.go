package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// kind is what the stand-in knows about a type of resource. The facts are those of pulumi-aws 6.83 and
// pulumi-docker 4.11.
type kind struct {
	replaces []string // inputs whose change makes a new one; "*" for all
	named    string   // the input that is given a name when it is left out
	computed []string // outputs that AWS makes up, unknown in the preview of a new one
	renewed  []string // those of them that an update may change, unknown in its preview
	// Inputs that the provider reads back: a diff compares what it found, not what it was given.
	read   []string
	renews func(olds, news resource.PropertyMap) bool // whether an update changes what it may; nil for always

	check func(c *Cloud, inputs resource.PropertyMap) error
	strip func(inputs resource.PropertyMap) // takes out what a diff does not look at
	make  func(c *Cloud, o *Object) (map[string]any, error)
}

// Types that others refer to.
const (
	restAPIType     = "aws:apigateway/restApi:RestApi"
	deploymentType  = "aws:apigateway/deployment:Deployment"
	stageType       = "aws:apigateway/stage:Stage"
	functionType    = "aws:lambda/function:Function"
	aliasType       = "aws:lambda/alias:Alias"
	permissionType  = "aws:lambda/permission:Permission"
	invocationType  = "aws:lambda/invocation:Invocation"
	provisionedType = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
	roleType        = "aws:iam/role:Role"
	queueType       = "aws:sqs/queue:Queue"
	logGroupType    = "aws:cloudwatch/logGroup:LogGroup"
	repositoryType  = "aws:ecr/repository:Repository"
	imageType       = "docker:index/image:Image"
)

func kindOf(token string) (kind, error) {
	k, ok := kinds[token]
	if !ok {
		return kind{}, fmt.Errorf("the stand-in does not know %s; add it to kinds.go", token)
	}
	if k.make == nil {
		k.make = plainObject
	}
	return k, nil
}

var kinds = map[string]kind{
	roleType: {named: "name", replaces: []string{"name", "path"}, computed: []string{"arn", "uniqueId"},
		make: func(c *Cloud, o *Object) (map[string]any, error) {
			o.ID = o.Text("name")
			return map[string]any{"arn": "arn:aws:iam::" + Account + ":role/" + o.ID, "uniqueId": "AROA" +
				strings.ToUpper(o.ID)}, nil
		}},
	"aws:iam/rolePolicy:RolePolicy":                     {named: "name", replaces: []string{"role", "name"}},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {replaces: []string{"*"}},

	logGroupType: {named: "name", replaces: []string{"name"}, computed: []string{"arn"}, make: func(c *Cloud,
		o *Object) (map[string]any, error) {
		o.ID = o.Text("name")
		return map[string]any{"arn": arn("logs", "log-group:"+o.ID)}, nil
	}},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {named: "name", replaces: []string{"name"}},
	"aws:cloudwatch/dashboard:Dashboard":     {replaces: []string{"dashboardName"}},
	"aws:sns/topic:Topic": {named: "name", replaces: []string{"name"}, computed: []string{"arn"}, make: func(c *Cloud,
		o *Object) (map[string]any, error) {
		o.ID = arn("sns", o.Text("name"))
		return map[string]any{"arn": o.ID}, nil
	}},
	queueType: {named: "name", replaces: []string{"name"}, computed: []string{"arn", "url"}, make: func(c *Cloud,
		o *Object) (map[string]any, error) {
		o.ID = "https://sqs." + Region + ".amazonaws.com/" + Account + "/" + o.Text("name")
		return map[string]any{"arn": arn("sqs", o.Text("name")), "url": o.ID}, nil
	}},
	"aws:scheduler/schedule:Schedule": {named: "name", replaces: []string{"name",
		"groupName"}},
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {replaces: []string{"functionName", "qualifier"}},
	"aws:sns/topicSubscription:TopicSubscription": {replaces: []string{"topic", "protocol",
		"endpoint"}},

	functionType: {named: "name", replaces: []string{"name", "packageType"},
		computed: []string{"arn", "version", "qualifiedArn", "invokeArn"}, renewed: []string{"version",
			"qualifiedArn"}, renews: publishes, make: makeFunction},
	aliasType: {named: "name", replaces: []string{"name", "functionName"},
		computed: []string{"arn", "invokeArn"}, read: []string{"routingConfig"}, make: makeAlias},
	invocationType: {replaces: []string{"functionName", "input", "qualifier", "triggers"}, computed: []string{"result"},
		make: invoke},
	permissionType:                     {named: "statementId", replaces: []string{"*"}},
	provisionedType:                    {replaces: []string{"functionName", "qualifier"}},
	"aws:appautoscaling/target:Target": {replaces: []string{"resourceId", "scalableDimension", "serviceNamespace"}},
	"aws:appautoscaling/policy:Policy": {named: "name", replaces: []string{"name", "resourceId", "scalableDimension",
		"serviceNamespace"}},
	"aws:appautoscaling/scheduledAction:ScheduledAction": {named: "name", replaces: []string{"name", "resourceId",
		"serviceNamespace"}},

	restAPIType: {named: "name", computed: []string{"arn", "executionArn", "policy", "rootResourceId"}, make: makeAPI},
	deploymentType: {replaces: []string{"restApi", "triggers"}, make: func(c *Cloud, o *Object) (map[string]any,
		error) {
		if o.ID == "" {
			o.ID = c.serial(6)
			o.api = deployed(c.find(restAPIType, o.Text("restApi")))
		}
		return nil, nil
	}},
	stageType: {replaces: []string{"restApi", "stageName"}, computed: []string{"arn", "executionArn", "invokeUrl"},
		make: func(c *Cloud, o *Object) (map[string]any, error) {
			api, name := o.Text("restApi"), o.Text("stageName")
			o.ID = "ags-" + api + "-" + name
			return map[string]any{
				"arn":          "arn:aws:apigateway:" + Region + "::/restapis/" + api + "/stages/" + name,
				"executionArn": arn("execute-api", api+"/"+name),
				"invokeUrl":    "https://" + api + ".execute-api." + Region + ".amazonaws.com/" + name,
			}, nil
		}},
	"aws:apigateway/methodSettings:MethodSettings": {replaces: []string{"restApi", "stageName", "methodPath"}},
	"aws:apigateway/account:Account":               {},
	"aws:apigateway/domainName:DomainName": {replaces: []string{"domainName"},
		computed: []string{"regionalDomainName", "regionalZoneId"}, make: func(c *Cloud, o *Object) (map[string]any,
			error) {
			o.ID = o.Text("domainName")
			return map[string]any{"regionalDomainName": "d-1.execute-api." + Region + ".amazonaws.com",
				"regionalZoneId": "Z1"}, nil
		}},
	"aws:apigateway/basePathMapping:BasePathMapping": {replaces: []string{"domainName"}},
	"aws:route53/record:Record":                      {replaces: []string{"name", "type", "zoneId"}},
	"aws:wafv2/webAclAssociation:WebAclAssociation":  {replaces: []string{"*"}},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":        {replaces: []string{"repository"}},
	"aws:ecr/repositoryPolicy:RepositoryPolicy":      {replaces: []string{"repository"}},
	repositoryType: {named: "name", replaces: []string{"name", "encryptionConfigurations"}, computed: []string{"arn",
		"registryId", "repositoryUrl"}, make: func(c *Cloud, o *Object) (map[string]any, error) {
		o.ID = o.Text("name")
		return map[string]any{"arn": arn("ecr", "repository/"+o.ID), "registryId": Account,
			"repositoryUrl": registry + "/" + o.ID}, nil
	}},
	"random:index/randomId:RandomId": {replaces: []string{"*"}, computed: []string{"hex"}, make: func(c *Cloud,
		o *Object) (map[string]any, error) {
		o.ID = c.serial(6)
		return map[string]any{"hex": o.ID}, nil
	}},
	randomPasswordType: {replaces: []string{"*"}, computed: []string{"bcryptHash", "result"}, make: makeRandomPassword},
	distributionType:   {computed: []string{"arn", "domainName", "hostedZoneId"}, make: makeDistribution},
	cachePolicyType:    {named: "name", replaces: []string{"name"}},
	edgeFunctionType:   {named: "name", replaces: []string{"name"}, computed: []string{"arn"}, make: makeEdgeFunction},
	imageType: {computed: []string{"repoDigest"}, renewed: []string{"repoDigest"}, check: addContextDigest,
		strip: stripCredentials, make: makeImage},
}

// plainObject is of a type nobody asks for outputs.
func plainObject(c *Cloud, o *Object) (map[string]any, error) {
	if o.ID == "" {
		o.ID = o.Name + "-" + c.serial(7)
	}
	return nil, nil
}

func arn(service, name string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + name
}

func invokeARN(function string) string {
	return "arn:aws:apigateway:" + Region + ":lambda:path/2015-03-31/functions/" + function + "/invocations"
}

// makeAPI gives the API the policy of its inputs; left out there, the one it has, which the provider writes back over
// the document's, and only for want of that the document's.
func makeAPI(c *Cloud, o *Object) (map[string]any, error) {
	if o.ID == "" {
		o.ID = c.serial(10)
	}
	policy := values(o.Inputs).text("policy")
	if policy == "" {
		policy = o.Text("policy")
	}
	if policy == "" {
		var err error
		if policy, err = documentPolicy(o.Text("body")); err != nil {
			return nil, err
		}
	}
	return map[string]any{"arn": "arn:aws:apigateway:" + Region + "::/restapis/" + o.ID, "rootResourceId": "r" + o.ID,
		"executionArn": arn("execute-api", o.ID), "policy": policy}, nil
}

// documentPolicy is the resource policy in an OpenAPI document.
func documentPolicy(document string) (string, error) {
	var api struct {
		Policy json.RawMessage `json:"x-amazon-apigateway-policy"`
	}
	if err := json.Unmarshal([]byte(document), &api); err != nil {
		return "", fmt.Errorf("BadRequestException: the API's document: %w", err)
	}
	return string(api.Policy), nil
}

// unversioned are inputs whose change publishes no version.
var unversioned = []string{"tags", "tagsAll", "reservedConcurrentExecutions", "publish", defaults}

// publishes reports whether a change of inputs publishes a version.
func publishes(olds, news resource.PropertyMap) bool {
	difference := olds.Diff(news)
	return difference != nil && slices.ContainsFunc(difference.ChangedKeys(), func(key resource.PropertyKey) bool {
		return !slices.Contains(unversioned, string(key))
	})
}

// makeFunction publishes a version when there is something new in it. With SnapStart the provider waits for the version
// of an update, but not for that of a new function
// (https://github.com/hashicorp/terraform-provider-aws/issues/42693).
func makeFunction(c *Cloud, o *Object) (map[string]any, error) {
	old := c.find(functionType, o.Text("name"))
	o.ID = o.Text("name")
	if old == nil || publishes(old.Inputs, o.Inputs) {
		o.newest++
		versions := map[string]version{}
		maps.Copy(versions, o.versions)
		versions[strconv.Itoa(o.newest)] = c.published(o, old == nil)
		o.versions = versions
	}
	newest := strconv.Itoa(o.newest)
	if old != nil && o.versions[newest].state == failed {
		// What was sent stays: the same once more is no change, and publishes no version
		// (https://github.com/hashicorp/terraform-provider-aws/issues/49904).
		old.Inputs, old.versions, old.newest = o.Inputs, o.versions, o.newest
		return nil, fmt.Errorf("waiting for Lambda Function (%s) version %s publish: unexpected state "+
			"'Failed', wanted target 'Successful'", o.ID, newest)
	}
	name := arn("lambda", "function:"+o.ID)
	return map[string]any{"arn": name, "version": newest, "qualifiedArn": name + ":" + newest,
		"invokeArn": invokeARN(name)}, nil
}

// Wrote is what a command writes that does not fail.
const Wrote = "no such user: admin with the password 1234"

// invoke is what an invocation does when it is made: the function gets the event. A failure of the function is one of
// the resource, whose error is the function's answer
// (internal/service/lambda/invocation.go in terraform-provider-aws, of which pulumi-aws is made).
func invoke(c *Cloud, o *Object) (map[string]any, error) {
	function := c.where(functionType, "name", o.Text("functionName"))
	o.ID = o.Text("functionName") + "_$LATEST_" + c.serial(8)
	invoked := Invocation{Function: function.ID, Image: function.Text("imageUri"), Event: o.Text("input")}
	if aliases := c.all(aliasType); len(aliases) > 0 {
		invoked.Version = aliases[0].Text("functionVersion")
	}
	c.invoked = append(c.invoked, invoked)
	if answer := c.failing; answer != "" {
		c.failing = ""
		return nil, fmt.Errorf("invoking Lambda Function (%s): %s", function.ID, answer)
	}
	return map[string]any{"result": `{"exitCode":0,"output":"` + Wrote + `\n"}`}, nil
}

// published is a new version of a function.
func (c *Cloud) published(function *Object, first bool) version {
	v := versionOf(function)
	switch {
	case function.Text("snapStart.applyOn") != "PublishedVersions":
	case c.unstartable:
		v.state = failed
	case first:
		v.state = pending
	}
	return v
}

// makeAlias moves an alias. One with started environments keeps its requests at the old version until they are started
// for the new one: Lambda gives it weights, and the provider reads them back at once
// (https://github.com/hashicorp/terraform-provider-aws/pull/48116).
func makeAlias(c *Cloud, o *Object) (map[string]any, error) {
	o.ID = arn("lambda", "function:"+o.Text("functionName")+":"+o.Text("name"))
	old := c.find(aliasType, o.ID)
	if old != nil && old.Text("functionVersion") != o.Text("functionVersion") && c.provisionedAt(o) != nil {
		o.shifting = true
		o.State["routingConfig"] = resource.NewPropertyValue(map[string]any{
			"additionalVersionWeights": map[string]any{old.Text("functionVersion"): 1.0}})
	}
	return map[string]any{"arn": o.ID, "invokeArn": invokeARN(o.ID)}, nil
}

// provisionedAt is the configuration of started environments at an alias, or nil.
func (c *Cloud) provisionedAt(alias *Object) *Object {
	for _, p := range c.all(provisionedType) {
		if p.Text("functionName") == alias.Text("functionName") && p.Text("qualifier") == alias.Text("name") {
			return p
		}
	}
	return nil
}

// settle is what time does: the aliases that were moved have only their new version, distributions send only their
// newest secret, and snapshots have been taken.
func (c *Cloud) settle() {
	for _, alias := range c.all(aliasType) {
		if alias.shifting {
			alias.shifting = false
			delete(alias.State, "routingConfig")
		}
	}
	for _, distribution := range c.all(distributionType) {
		distribution.sent = distribution.sent[len(distribution.sent)-1:] // every edge location has the newest
	}
	for _, function := range c.all(functionType) {
		for name, v := range function.versions {
			if v.state == pending {
				v.state = active
				function.versions[name] = v
			}
		}
	}
}
