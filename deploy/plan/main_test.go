package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// saved is a plan as `pulumi preview --save-plan` writes it, cut down to one image and one function.
const saved = `{"manifest": {"magic": "1"}, "resourcePlans": {
	"urn:pulumi:prod::p::lambda-web:index:WebApp$docker:index/image:Image::web": {
		"goal": {"inputDiff": {"updates": {"registry": {"server": "s", "username": "AWS", "password": {"ciphertext": "v1:abc"}}, "imageName": "i"}}},
		"steps": ["update"], "outputs": {"registry": {"password": {"ciphertext": "v1:def"}}}},
	"urn:pulumi:prod::p::lambda-web:index:WebApp$aws:lambda/function:Function::web": {
		"goal": {"inputDiff": {"updates": {"memorySize": 12345678901234567890, "registry": {"password": "the app's own"}}}}}}}`

// TestPasswords: the passwords of images are gone, and nothing else is another.
func TestPasswords(t *testing.T) {
	name := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(name, []byte(saved), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "ciphertext") {
		t.Errorf("a password is left:\n%s", text)
	}
	if !strings.Contains(string(text), "12345678901234567890") {
		t.Errorf("a number was rounded:\n%s", text)
	}
	const unknown = `"04da6b54-80e4-46f7-96ec-b56ff0331ba9"` // sdk/v3/go/common/resource/plugin
	var is, want any
	json.Unmarshal(text, &is)
	wanted := strings.NewReplacer(`{"ciphertext": "v1:abc"}`, unknown, `{"ciphertext": "v1:def"}`,
		unknown).Replace(saved)
	json.Unmarshal([]byte(wanted), &want)
	if !reflect.DeepEqual(is, want) {
		t.Errorf("the plan is\n%v\nwant\n%v", is, want)
	}
}

func TestNoPlan(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `"plan"`, `{"resourcePlans": []}`, `{"resources": {}}`,
		`{"resourcePlans": {`} {
		if changed, err := withoutPasswords([]byte(text)); err == nil {
			t.Errorf("%q is taken for a plan: %s", text, changed)
		}
	}
	if err := rewrite(filepath.Join(t.TempDir(), "plan.json")); err == nil {
		t.Error("a file that is not there is taken for a plan")
	}
}

// FuzzPlan: whatever is in the file is an error or stays a plan.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(saved))
	f.Add([]byte(`{"resourcePlans": {"docker:index/image:Image::": [{"registry": {"password": 1}}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		changed, err := withoutPasswords(text)
		if err != nil {
			return
		}
		again, err := withoutPasswords(changed)
		if err != nil || string(again) != string(changed) {
			t.Errorf("%q became %q and then %q (%v)", text, changed, again, err)
		}
	})
}
