package standin

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Create makes an object. In a preview nothing is made, and what AWS would make up is unknown.
func (p *server) Create(_ context.Context, r *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	urn := resource.URN(r.Urn)
	k, err := kindOf(string(urn.Type()))
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(r.Properties)
	if err != nil {
		return nil, err
	}
	if r.Preview {
		state, err := marshal(unknown(inputs.Copy(), k.computed))
		return &pulumirpc.CreateResponse{Properties: state}, err
	}
	c := p.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &Object{Type: string(urn.Type()), Name: urn.Name(), URN: r.Urn, Inputs: inputs, State: inputs.Copy()}
	if err := c.permit("create", o); err != nil {
		return nil, err
	}
	if err := c.fill(k, o); err != nil {
		return nil, err
	}
	c.objects = append(c.objects, o)
	c.record("create", o)
	state, err := marshal(o.State)
	return &pulumirpc.CreateResponse{Id: o.ID, Properties: state}, err
}

// Update changes an object in place. In a preview only what the change may renew is unknown.
func (p *server) Update(_ context.Context, r *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	urn := resource.URN(r.Urn)
	k, err := kindOf(string(urn.Type()))
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(r.News)
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(r.Olds)
	if err != nil {
		return nil, err
	}
	if r.Preview {
		return foreseen(r, k, olds, inputs)
	}
	c := p.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.find(string(urn.Type()), r.Id)
	if o == nil {
		return nil, fmt.Errorf("NotFoundException: there is no %s %s", urn.Type(), r.Id)
	}
	changed := &Object{Type: o.Type, Name: o.Name, URN: o.URN, ID: o.ID, Inputs: inputs, State: inputs.Copy(),
		versions: o.versions, newest: o.newest, api: o.api, sent: o.sent}
	if err := c.permit("update", changed); err != nil {
		return nil, err
	}
	for _, key := range k.computed {
		restore(resource.PropertyKey(key), o.State, changed.State)
	}
	if err := c.fill(k, changed); err != nil {
		return nil, err
	}
	*o = *changed
	c.record("update", o)
	state, err := marshal(o.State)
	return &pulumirpc.UpdateResponse{Properties: state}, err
}

// foreseen is the answer to an update in a preview.
func foreseen(r *pulumirpc.UpdateRequest, k kind, olds, inputs resource.PropertyMap) (*pulumirpc.UpdateResponse,
	error) {
	state := inputs.Copy()
	for _, key := range k.computed {
		restore(resource.PropertyKey(key), olds, state)
	}
	given, err := unmarshal(r.OldInputs)
	if err != nil {
		return nil, err
	}
	if k.renews == nil || k.renews(given, inputs) {
		state = unknown(state, k.renewed)
	}
	answer, err := marshal(state)
	return &pulumirpc.UpdateResponse{Properties: answer}, err
}

// Read says what has become of an object; an empty id, that it is gone.
func (p *server) Read(_ context.Context, r *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	c := p.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.find(string(resource.URN(r.Urn).Type()), r.Id)
	if o == nil {
		return &pulumirpc.ReadResponse{}, nil
	}
	state, err := marshal(o.State)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.ReadResponse{Id: o.ID, Properties: state, Inputs: r.Inputs}, nil
}

func (p *server) Delete(_ context.Context, r *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	c := p.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.find(string(resource.URN(r.Urn).Type()), r.Id)
	if o == nil {
		return &emptypb.Empty{}, nil // AWS's providers take "not found" for done
	}
	if err := c.permit("delete", o); err != nil {
		return nil, err
	}
	c.remove(o)
	c.record("delete", o)
	return &emptypb.Empty{}, nil
}

// permit is everything that may keep an operation from being done.
func (c *Cloud) permit(op string, o *Object) error {
	if err := c.failure(op, o.Type); err != nil {
		return err
	}
	for _, r := range rules[o.Type] {
		if err := r(c, op, o); err != nil {
			return err
		}
	}
	return nil
}

// fill gives the object its identity and what AWS makes up.
func (c *Cloud) fill(k kind, o *Object) error {
	made, err := k.make(c, o)
	if err != nil {
		return err
	}
	if len(made) != len(k.computed) {
		return fmt.Errorf("stand-in of %s: it makes %d outputs and declares %d", o.Type, len(made), len(k.computed))
	}
	for _, key := range k.computed {
		value, ok := made[key]
		if !ok {
			return fmt.Errorf("stand-in of %s: it does not make %s", o.Type, key)
		}
		o.State[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
	}
	return nil
}

func unknown(state resource.PropertyMap, keys []string) resource.PropertyMap {
	for _, key := range keys {
		state[resource.PropertyKey(key)] = resource.MakeComputed(resource.NewStringProperty(""))
	}
	return state
}
