package webapp

import (
	"strings"
	"testing"
)

// The port that the function is given, whether the adapter looks for another one, and the reason in the outputs.
func TestPort(t *testing.T) {
	tests := []struct {
		name, setting, buildArgs, dockerfile string
		number, discovery, why               string
	}{
		{"nothing says one", "", "", "FROM x\n", "8080", "true", "the usual one: the Dockerfile exposes none"},
		{"exposed", "", "", "FROM x\nEXPOSE 5000\n", "5000", "true", "the Dockerfile exposes it"},
		{"exposed, said to be TCP", "auto", "", "FROM x\nEXPOSE 5000/tcp\n", "5000", "true",
			"the Dockerfile exposes it"},
		{"exposed twice", "", "", "FROM x\nEXPOSE 5000\nEXPOSE 5000/TCP\n", "5000", "true",
			"the Dockerfile exposes it"},
		{"beside UDP", "", "", "FROM x\nEXPOSE 53/udp 5000\n", "5000", "true", "the Dockerfile exposes it"},
		{"by an argument", "", `{"P":"7000"}`, "FROM x\nARG P=5000\nEXPOSE $P\n", "7000", "true",
			"the Dockerfile exposes it"},
		{"by an argument's default", "", "", "FROM x\nARG P=5000\nEXPOSE ${P}\n", "5000", "true",
			"the Dockerfile exposes it"},
		{"by the stage it is FROM", "", "", "FROM x AS base\nEXPOSE 3000\nFROM y AS build\nEXPOSE 1\nFROM base\n",
			"3000", "true", "the Dockerfile exposes it"},
		{"two", "", "", "FROM x\nEXPOSE 80 443\n", "8080", "true", "exposes more than one, 443 and 80"},
		{"a range", "", "", "FROM x\nEXPOSE 8000-8002\n", "8080", "true", "exposes more than one, 8000-8002"},
		{"a Dockerfile that cannot be read", "", "", "FROM x\nCDM x\n", "8080", "true",
			"the Dockerfile cannot be read"},
		{"set", "9000", "", "FROM x\nEXPOSE 5000\n", "9000", "false", "the setting port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProject(t)
			p.put(t, "app/Dockerfile", tt.dockerfile)
			config := map[string]string{"port": tt.setting, "buildArgs": tt.buildArgs}
			function := p.deployed(t, config).one(t, typeFunction)
			for name, want := range map[string]string{"PORT": tt.number, "AWS_LWA_PORT": tt.number,
				"AWS_LWA_PORT_DISCOVERY": tt.discovery} {
				if got := function.input("environment.variables." + name); got != want {
					t.Errorf("%s is %v, want %s", name, got, want)
				}
			}
			if got, _ := p.outputs(t, config)["port"].(string); !strings.HasPrefix(got, tt.number+" (") ||
				!strings.Contains(got, tt.why) {
				t.Errorf("the output is %q, want %s (%s)", got, tt.number, tt.why)
			}
		})
	}
}
