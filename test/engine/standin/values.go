package standin

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// values are properties to look into, secrets opened.
type values resource.PropertyMap

// at is the plain value at a dotted path, or nil.
func (v values) at(path string) any {
	value := resource.NewObjectProperty(resource.PropertyMap(v))
	for key := range strings.SplitSeq(path, ".") {
		value = open(value)
		if !value.IsObject() {
			return nil
		}
		value = value.ObjectValue()[resource.PropertyKey(key)]
	}
	return Plain(value)
}

// plain are all of them.
func (v values) plain() any { return Plain(resource.NewObjectProperty(resource.PropertyMap(v))) }

func (v values) text(path string) string {
	text, _ := v.at(path).(string)
	return text
}

// number is the number at a dotted path, or 0.
func (v values) number(path string) float64 {
	number, _ := v.at(path).(float64)
	return number
}

func open(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		default:
			return value
		}
	}
}

// Plain turns a property into Go's own types, secrets opened.
func Plain(value resource.PropertyValue) any {
	value = open(value)
	switch {
	case value.IsObject():
		object := map[string]any{}
		for key, v := range value.ObjectValue() {
			object[string(key)] = Plain(v)
		}
		return object
	case value.IsArray():
		list := []any{}
		for _, v := range value.ArrayValue() {
			list = append(list, Plain(v))
		}
		return list
	case value.IsComputed() || value.IsOutput():
		return nil
	}
	return value.Mappable()
}
