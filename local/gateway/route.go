package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"lambda-web/local/sandbox"
)

// method is a method of a resource with the function behind it.
type method struct {
	resource, resourceID string
	verb                 string // "ANY" or an HTTP method
	iam                  bool
	invoker              sandbox.Invoker
	mock                 *mock            // in place of the function
	denied               map[string]error // verbs with which the function may not be invoked
	timeout              time.Duration
	stream               bool
}

// pathParameter is a part of the path that a {name} or {name+} stands for, as the client wrote it.
type pathParameter struct{ name, value string }

// node is a resource in the tree of path parts.
type node struct {
	name     string // of the parameter, for nodes under parameter and greedy
	literals map[string]*node
	// parameter is {name}, greedy is {name+}.
	parameter, greedy *node
	methods           map[string]*method
}

// pathPart is what CreateResource accepts as a part that is not a parameter.
// https://docs.aws.amazon.com/apigateway/latest/api/API_CreateResource.html
var (
	pathPart      = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
	parameterPart = regexp.MustCompile(`^\{([A-Za-z0-9._-]+)(\+?)\}$`)
)

// add puts a method at its resource's place.
func (n *node) add(m *method) error {
	at := n
	parts := strings.Split(strings.TrimPrefix(m.resource, "/"), "/")
	if m.resource == "/" {
		parts = nil
	}
	for i, part := range parts {
		child, err := at.child(part, i == len(parts)-1)
		if err != nil {
			return fmt.Errorf("path %s: %w", m.resource, err)
		}
		at = child
	}
	if at.methods == nil {
		at.methods = map[string]*method{}
	}
	if at.methods[m.verb] != nil {
		return fmt.Errorf("path %s has method %s twice", m.resource, m.verb)
	}
	at.methods[m.verb] = m
	return nil
}

// child finds or makes the node of a path part.
func (n *node) child(part string, last bool) (*node, error) {
	place := &n.parameter
	parameter := parameterPart.FindStringSubmatch(part)
	switch {
	case pathPart.MatchString(part):
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		if n.literals[part] == nil {
			n.literals[part] = &node{}
		}
		return n.literals[part], nil
	case parameter == nil:
		return nil, fmt.Errorf("part %q: letters, digits, . _ - : or one {parameter} are allowed", part)
	case parameter[2] == "+" && !last:
		return nil, fmt.Errorf("the greedy parameter %s must be the last part", part)
	case parameter[2] == "+":
		place = &n.greedy
	}
	if *place == nil {
		*place = &node{name: parameter[1]}
	}
	if (*place).name != parameter[1] {
		return nil, fmt.Errorf("parameter %s has a sibling with another name, {%s}", part, (*place).name)
	}
	return *place, nil
}

// find is the method for a path, or nil. In each part a literal goes before {name} before {name+}; a resource without
// the verb is passed over, so that a greedy sibling may have it. The path's own bytes are compared and handed out:
// nothing is decoded.
func (n *node) find(path, verb string) (*method, []pathParameter) {
	return n.match(strings.Trim(path, "/"), verb, nil)
}

func (n *node) match(rest, verb string, parameters []pathParameter) (*method, []pathParameter) {
	if rest == "" {
		return n.method(verb), parameters
	}
	part, below, _ := strings.Cut(rest, "/")
	if child := n.literals[part]; child != nil {
		if m, found := child.match(below, verb, parameters); m != nil {
			return m, found
		}
	}
	if child := n.parameter; child != nil && part != "" {
		if m, found := child.match(below, verb, append(parameters, pathParameter{child.name, part})); m != nil {
			return m, found
		}
	}
	if child := n.greedy; child != nil {
		if m := child.method(verb); m != nil {
			return m, append(parameters, pathParameter{child.name, rest})
		}
	}
	return nil, nil
}

func (n *node) method(verb string) *method {
	if m := n.methods[verb]; m != nil {
		return m
	}
	if slices.Contains(anyVerbs, verb) {
		return n.methods["ANY"]
	}
	return nil
}
