package standin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rule is something AWS refuses. op is "create", "update" or "delete"; for an update o is what it would become.
type rule func(c *Cloud, op string, o *Object) error

// rules are those that an order of operations can break.
var rules = map[string][]rule{
	roleType:                        {unique("name"), noPolicies},
	"aws:iam/rolePolicy:RolePolicy": {needs(roleType, "name", "role")},
	logGroupType:                    {unique("name")},
	repositoryType:                  {unique("name"), emptyRepository},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {needs(repositoryType, "name", "repository")},
	functionType: {unique("name"), imageIsThere, needs(roleType, "arn", "role"), needs(logGroupType, "name",
		"loggingConfig.logGroup"), mayPull},
	aliasType: {unique("arn"), needs(functionType, "name", "functionName"), versionIsThere, notProvisioned,
		notProvisionedTwice},
	invocationType: {needs(functionType, "name", "functionName"), qualifierOf("functionName", "qualifier")},
	permissionType: {needs(functionType, "name", "function"), aliasOf("function", "qualifier")},
	provisionedType: {needs(functionType, "name", "functionName"), qualified, notWeighted, oncePerVersion,
		withinReserved},
	deploymentType: {needs(restAPIType, "", "restApi"), notServed},
	stageType:      {needs(restAPIType, "", "restApi"), needs(deploymentType, "", "deployment"), logsAllowed},
	"aws:apigateway/methodSettings:MethodSettings": {needs(stageType, "stageName", "stageName")},
	"aws:apigateway/basePathMapping:BasePathMapping": {needs("aws:apigateway/domainName:DomainName", "domainName",
		"domainName"), needs(stageType, "stageName", "stageName")},
	"aws:apigateway/domainName:DomainName":          {unique("domainName"), notMapped},
	"aws:apigateway/account:Account":                {needs(roleType, "arn", "cloudwatchRoleArn")},
	"aws:wafv2/webAclAssociation:WebAclAssociation": {needs(stageType, "arn", "resourceArn")},
	"aws:appautoscaling/policy:Policy": {needs("aws:appautoscaling/target:Target", "resourceId",
		"resourceId")},
	"aws:scheduler/schedule:Schedule": {needs(aliasType, "arn", "target.arn"), needs(roleType, "arn",
		"target.roleArn"), needs(queueType, "arn", "target.deadLetterConfig.arn")},
	"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {needs(functionType, "name", "functionName"),
		qualifierOf("functionName", "qualifier"),
		needs(queueType, "arn", "destinationConfig.onFailure.destination"), maySend},
	distributionType: {originIsThere, usable, certificateIsThere},
	cachePolicyType:  {unique("name"), unused(usesPolicy)},
	edgeFunctionType: {unique("name"), unused(usesFunction)},
	"aws:sns/topicSubscription:TopicSubscription": {needs("aws:sns/topic:Topic", "arn", "topic")},
}

// unique: no two objects of a type share the property.
func unique(property string) rule {
	return func(c *Cloud, op string, o *Object) error {
		if value := o.Text(property); op == "create" && value != "" && c.where(o.Type, property, value) != nil {
			return fmt.Errorf("ResourceConflictException: there is a %s %s already", o.Type, value)
		}
		return nil
	}
}

// needs: what an input names has to exist, found by one of its properties or, for "", by its id.
func needs(token, property, input string) rule {
	return func(c *Cloud, op string, o *Object) error {
		value := o.Text(input)
		if op == "delete" || value == "" {
			return nil
		}
		if property == "" && c.find(token, value) != nil || property != "" && c.where(token, property, value) != nil {
			return nil
		}
		return fmt.Errorf("NotFoundException: %s: there is no %s %s", input, token, value)
	}
}

// aliasOf: the qualifier of the function is one of its aliases.
func aliasOf(function, qualifier string) rule {
	return func(c *Cloud, op string, o *Object) error {
		if op == "delete" || c.find(aliasType, arn("lambda", "function:"+o.Text(function)+":"+
			o.Text(qualifier))) != nil {
			return nil
		}
		return fmt.Errorf("ResourceNotFoundException: function %s has no alias %s", o.Text(function), o.Text(qualifier))
	}
}

// qualifierOf: the qualifier of the function is one of its aliases, or left out for $LATEST.
func qualifierOf(function, qualifier string) rule {
	return func(c *Cloud, op string, o *Object) error {
		if o.Text(qualifier) == "" {
			return nil
		}
		return aliasOf(function, qualifier)(c, op, o)
	}
}

func noPolicies(c *Cloud, op string, o *Object) error {
	for _, token := range []string{"aws:iam/rolePolicy:RolePolicy",
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment"} {
		if op == "delete" && c.where(token, "role", o.Text("name")) != nil {
			return fmt.Errorf("DeleteConflict: role %s has policies", o.Text("name"))
		}
	}
	return nil
}

// maySend: Lambda takes a destination only if the function's role may send there.
func maySend(c *Cloud, op string, o *Object) error {
	destination := o.Text("destinationConfig.onFailure.destination")
	if destination == "" {
		return nil
	}
	for _, p := range c.all("aws:iam/rolePolicy:RolePolicy") {
		if text := p.Text("policy"); op == "delete" || strings.Contains(text, "sqs:SendMessage") &&
			strings.Contains(text, destination) {
			return nil
		}
	}
	return fmt.Errorf("InvalidParameterValueException: the function's execution role does not have "+
		"permissions to call SendMessage on %s", destination)
}

func emptyRepository(c *Cloud, op string, o *Object) error {
	if op != "delete" {
		return nil
	}
	url := o.Text("repositoryUrl")
	if force, _ := Plain(o.State["forceDelete"]).(bool); !force && len(c.images[url]) > 0 {
		return fmt.Errorf("RepositoryNotEmptyException: %s holds images", url)
	}
	delete(c.images, url)
	return nil
}

func imageIsThere(c *Cloud, op string, o *Object) error {
	if image := o.Text("imageUri"); op != "delete" && !c.has(image) {
		return fmt.Errorf("InvalidParameterValueException: source image %s does not exist", image)
	}
	return nil
}

// mayPull: somebody allowed Lambda to fetch images before the function asks for one.
func mayPull(c *Cloud, op string, o *Object) error {
	repository, _, _ := strings.Cut(strings.TrimPrefix(o.Text("imageUri"), registry+"/"), "@")
	if op == "create" && c.where("aws:ecr/repositoryPolicy:RepositoryPolicy", "repository", repository) == nil {
		return fmt.Errorf("AccessDeniedException: Lambda does not have permission to access the ECR image of %s",
			repository)
	}
	return nil
}

func versionIsThere(c *Cloud, op string, o *Object) error {
	if op == "delete" {
		return nil
	}
	function := c.where(functionType, "name", o.Text("functionName"))
	versions := servedVersions(o)
	for i, version := range versions {
		if slices.Contains(versions[:i], version) {
			return fmt.Errorf("InvalidParameterValueException: version %s cannot share with itself", version)
		}
		if _, ok := function.versions[version]; !ok {
			return fmt.Errorf("ResourceNotFoundException: function %s has no version %q", function.ID, version)
		}
	}
	return nil
}

// servedVersions are the versions an alias shares the requests between.
func servedVersions(alias *Object) []string {
	weights, _ := values(alias.State).at("routingConfig.additionalVersionWeights").(map[string]any)
	return append([]string{alias.Text("functionVersion")}, slices.Sorted(maps.Keys(weights))...)
}

// notProvisioned: an alias with started environments neither goes nor shares requests by weight.
func notProvisioned(c *Cloud, op string, o *Object) error {
	for _, provisioned := range c.all(provisionedType) {
		if provisioned.Text("functionName") != o.Text("functionName") ||
			provisioned.Text("qualifier") != o.Text("name") {
			continue
		}
		if op == "delete" {
			return fmt.Errorf("ResourceConflictException: alias %s has a provisioned concurrency configuration", o.ID)
		}
		if len(servedVersions(o)) > 1 {
			return fmt.Errorf("InvalidParameterValueException: alias %s with weights has a provisioned "+
				"concurrency configuration", o.ID)
		}
	}
	return nil
}

// qualified: environments are started for an alias or a version.
func qualified(c *Cloud, op string, o *Object) error {
	function := c.where(functionType, "name", o.Text("functionName"))
	if op == "delete" || function == nil {
		return nil
	}
	if _, ok := function.versions[o.Text("qualifier")]; ok {
		return nil
	}
	return aliasOf("functionName", "qualifier")(c, op, o)
}

// notWeighted: there are no started environments where requests are shared by weight.
func notWeighted(c *Cloud, op string, o *Object) error {
	alias := c.find(aliasType, arn("lambda", "function:"+o.Text("functionName")+":"+o.Text("qualifier")))
	if op != "delete" && alias != nil && len(servedVersions(alias)) > 1 {
		return fmt.Errorf("InvalidParameterValueException: alias %s with weights cannot be used with "+
			"provisioned concurrency", alias.ID)
	}
	return nil
}

// startedFor is the version that a configuration starts environments for.
func (c *Cloud) startedFor(provisioned *Object) string {
	qualifier := provisioned.Text("qualifier")
	if alias := c.find(aliasType, arn("lambda", "function:"+provisioned.Text("functionName")+":"+
		qualifier)); alias != nil {
		return alias.Text("functionVersion")
	}
	return qualifier
}

// oncePerVersion: a version has one configuration, its own or that of an alias
// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).
func oncePerVersion(c *Cloud, op string, o *Object) error {
	for _, other := range c.all(provisionedType) {
		if op == "create" && other.Text("functionName") == o.Text("functionName") &&
			c.startedFor(other) == c.startedFor(o) {
			return fmt.Errorf("InvalidParameterValueException: version %s has a provisioned concurrency "+
				"configuration already", c.startedFor(o))
		}
	}
	return nil
}

// notProvisionedTwice: an alias with a configuration does not move to a version with one.
func notProvisionedTwice(c *Cloud, op string, o *Object) error {
	mine := c.provisionedAt(o)
	if op != "update" || mine == nil {
		return nil
	}
	for _, other := range c.all(provisionedType) {
		if other != mine && other.Text("functionName") == o.Text("functionName") &&
			c.startedFor(other) == o.Text("functionVersion") {
			return fmt.Errorf("InvalidParameterValueException: alias %s cannot be moved to a version that "+
				"has a provisioned concurrency configuration", o.ID)
		}
	}
	return nil
}

// withinReserved: what is started is taken from what the function has reserved.
func withinReserved(c *Cloud, op string, o *Object) error {
	function := c.where(functionType, "name", o.Text("functionName"))
	reserved := values(function.State).number("reservedConcurrentExecutions")
	if op == "delete" || reserved == 0 {
		return nil
	}
	total := values(o.State).number("provisionedConcurrentExecutions")
	for _, other := range c.all(provisionedType) {
		if other.ID != o.ID && other.Text("functionName") == o.Text("functionName") {
			total += values(other.State).number("provisionedConcurrentExecutions")
		}
	}
	if total > reserved {
		return fmt.Errorf("InvalidParameterValueException: %v started environments are more than the %v "+
			"reserved ones", total, reserved)
	}
	return nil
}

func notServed(c *Cloud, op string, o *Object) error {
	if op == "delete" && c.where(stageType, "deployment", o.ID) != nil {
		return fmt.Errorf("BadRequestException: active stages pointing to this deployment must be moved or deleted")
	}
	return nil
}

func notMapped(c *Cloud, op string, o *Object) error {
	if op == "delete" && c.where("aws:apigateway/basePathMapping:BasePathMapping", "domainName", o.ID) != nil {
		return fmt.Errorf("BadRequestException: base path mappings of %s must be deleted first", o.ID)
	}
	return nil
}

// logsAllowed: API Gateway refuses access logs until the account has a role for them.
func logsAllowed(c *Cloud, op string, o *Object) error {
	if op != "delete" && o.Text("accessLogSettings.destinationArn") != "" &&
		len(c.all("aws:apigateway/account:Account")) == 0 {
		return fmt.Errorf("BadRequestException: CloudWatch Logs role ARN must be set in account settings to enable logging")
	}
	return nil
}
