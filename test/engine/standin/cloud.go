// Package standin is an AWS account, a Docker daemon and a container registry for tests of the Pulumi program under
// the real engine. It is reached as the engine reaches every provider, over gRPC, and runs in the test's process.
//
//	cloud.go     what there is, what was done, what goes wrong on purpose
//	provider.go  the provider protocol: check, diff, create, update, delete
//	kinds.go     the types of resources: what replaces them, what they answer
//	rules.go     what AWS refuses
//	front.go     a distribution in front of a stage
//	serving.go   whether a request to a stage would reach the app
//	image.go     builds, pushes and tags
//	repository.go the component that makes a repository
//	language.go  the language host, which starts the built program
//
// It is not AWS: it checks no types and knows only the rules in rules.go. What it does keep strictly is the
// protocol, the names and identities of resources, and the order in which things may happen.
package standin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// The account and region everything is in.
const (
	Account = "123456789012"
	Region  = "eu-central-1"
)

// Cloud is an account and what is in it.
type Cloud struct {
	dir string // where the program and the plugins run: paths of build contexts are relative to it

	mu      sync.Mutex
	objects []*Object
	done    []Operation
	faults  []fault
	images  map[string][]pushed // by repository
	builds  int
	serials int
	tokens  int

	invoked []Invocation
	failing string // what the next function that is invoked answers as its failure

	unstartable bool // no snapshot can be taken of what is published from now on

	served  map[string]bool // stages that have answered
	dropped []string        // operations after which such a stage did not
}

// New makes an empty account. Build contexts are relative to dir.
func New(dir string) *Cloud {
	return &Cloud{dir: dir, images: map[string][]pushed{}, served: map[string]bool{}}
}

// Object is a resource that exists.
type Object struct {
	Type, Name, URN, ID string
	Inputs, State       resource.PropertyMap

	versions map[string]version // of a function
	newest   int
	shifting bool        // of an alias: its weights are Lambda's own, for a while
	api      deployedAPI // of a deployment
	sent     []string    // by a distribution: the secrets that are on their way, the newest last
}

// version is what a published version of a function keeps.
type version struct {
	image string
	mode  string // in which the adapter answers
	// digests are those of the secrets by which it knows a distribution.
	digests string
	state   versionState
}

// versionState is the State of a published version. With SnapStart it is Pending while Lambda takes the snapshot, and
// Failed for good if the app did not start.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html
type versionState string

const (
	active  versionState = "Active"
	pending versionState = "Pending"
	failed  versionState = "Failed"
)

func versionOf(function *Object) version {
	variable := func(name string) string { return function.Text("environment.variables." + name) }
	return version{function.Text("imageUri"), variable("AWS_LWA_INVOKE_MODE"), variable("AWS_LWA_FRONT_SECRET_SHA256"),
		active}
}

// deployedAPI is an API as it was when it was deployed.
type deployedAPI struct {
	document, policy string
}

func deployed(api *Object) deployedAPI { return deployedAPI{api.Text("body"), api.Text("policy")} }

// Operation is something done to the account.
type Operation struct {
	Op, Type, Name string
}

func (o Operation) String() string { return o.Op + " " + o.Type + " " + o.Name }

// Invocation is an event that a function was invoked with.
type Invocation struct {
	Function, Image, Event string
	Version                string // which the alias of the app pointed at by then; empty for none
}

// Invoked returns the invocations since the last call.
func (c *Cloud) Invoked() []Invocation {
	c.mu.Lock()
	defer c.mu.Unlock()
	invoked := c.invoked
	c.invoked = nil
	return invoked
}

// FailNextInvocation makes the next function that is invoked answer with a failure.
func (c *Cloud) FailNextInvocation(answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = answer
}

// fault makes the next operation of a kind fail.
type fault struct {
	op, token, message string
}

// Fail makes the next operation ("create", "update" or "delete") on a resource of the type fail.
func (c *Cloud) Fail(op, token, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fault{op, token, message})
}

func (c *Cloud) failure(op, token string) error {
	for i, f := range c.faults {
		if f.op == op && f.token == token {
			c.faults = slices.Delete(c.faults, i, i+1)
			return errors.New(f.message)
		}
	}
	return nil
}

// Lose removes the only object of the type behind Pulumi's back.
func (c *Cloud) Lose(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.all(token)
	if len(found) != 1 {
		return fmt.Errorf("there are %d objects of type %s to lose, not one", len(found), token)
	}
	c.remove(found[0])
	return nil
}

// FailNextImages says whether the apps that are deployed from now on do not start.
func (c *Cloud) FailNextImages(fail bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unstartable = fail
}

// Operations returns what was done since the last call.
func (c *Cloud) Operations() []Operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.done
	c.done = nil
	return done
}

// Dropped returns the operations that made a stage stop answering that had answered before, since the last call.
func (c *Cloud) Dropped() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	dropped := c.dropped
	c.dropped = nil
	return dropped
}

// Builds is how many images were built.
func (c *Cloud) Builds() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.builds
}

// Objects are those of a type, or all of them for "".
func (c *Cloud) Objects(token string) []*Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	if token == "" {
		return slices.Clone(c.objects)
	}
	return c.all(token)
}

func (c *Cloud) all(token string) []*Object {
	var found []*Object
	for _, o := range c.objects {
		if o.Type == token {
			found = append(found, o)
		}
	}
	return found
}

func (c *Cloud) find(token, id string) *Object {
	for _, o := range c.objects {
		if o.Type == token && o.ID == id {
			return o
		}
	}
	return nil
}

// where returns the first object of a type whose property has the value.
func (c *Cloud) where(token, property, value string) *Object {
	for _, o := range c.all(token) {
		if o.Text(property) == value {
			return o
		}
	}
	return nil
}

func (c *Cloud) remove(o *Object) {
	c.objects = slices.DeleteFunc(c.objects, func(other *Object) bool { return other == o })
}

// record notes an operation and what it did to the stages.
func (c *Cloud) record(op string, o *Object) {
	operation := Operation{op, o.Type, o.Name}
	c.done = append(c.done, operation)
	for _, stage := range c.all(stageType) {
		err := c.serves(stage)
		switch {
		case err == nil:
			c.served[stage.ID] = true
		case c.served[stage.ID]:
			c.dropped = append(c.dropped, fmt.Sprintf("after %s, stage %s does not answer: %v", operation,
				stage.Text("stageName"), err))
		}
	}
	for _, distribution := range c.all(distributionType) {
		err := c.known(distribution)
		switch {
		case err == nil:
			c.served[distribution.ID] = true
		case c.served[distribution.ID]:
			c.dropped = append(c.dropped, fmt.Sprintf("after %s, the distribution does not answer as before: %v",
				operation, err))
		}
	}
	if op == "delete" {
		delete(c.served, o.ID)
	}
}

// serial makes what AWS draws at random: hexadecimal digits, different each time.
func (c *Cloud) serial(digits int) string {
	c.serials++
	return fmt.Sprintf("%0*x", digits, uint64(c.serials)*0x9e3779b97f4a7c15>>(64-4*digits))
}

// Text is the text at a dotted path of the object's state, or "".
func (o *Object) Text(path string) string {
	value, _ := values(o.State).at(path).(string)
	return value
}

// Adopt takes in resources that another run of Pulumi made, as its state has them. It is how an account is
// prepared in which an older version of the program has run.
func (c *Cloud) Adopt(resources []Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range resources {
		o := r
		c.objects = append(c.objects, &o)
	}
	for _, o := range c.all(restAPIType) {
		if policy, err := documentPolicy(o.Text("body")); err == nil && o.Text("policy") == "" {
			o.State["policy"] = resource.NewStringProperty(policy)
		}
	}
	for _, o := range c.objects {
		switch o.Type {
		case functionType:
			fmt.Sscan(o.Text("version"), &o.newest)
			o.versions = map[string]version{o.Text("version"): versionOf(o)}
		case deploymentType:
			o.api = deployed(c.find(restAPIType, o.Text("restApi")))
		case imageType:
			repository, _, _ := strings.Cut(o.Text("repoDigest"), "@")
			_, tag := cutTag(o.Text("imageName"))
			c.images[repository] = append(c.images[repository], pushed{tag: tag, digest: o.Text("repoDigest")})
		}
	}
}
