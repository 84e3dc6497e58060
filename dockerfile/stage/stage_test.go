package stage

import (
	"reflect"
	"strings"
	"testing"
)

// What a Dockerfile's final stage says, with one build argument given: V=7.
func TestRead(t *testing.T) {
	sh := []string{"/bin/sh", "-c"}
	tests := []struct {
		name string
		text string
		want Final
	}{
		{"nothing", "FROM x\n", Final{Workdir: "/", Shell: sh}},
		{"paths below each other", "FROM x\nWORKDIR /srv\nWORKDIR app/../site\n", Final{Workdir: "/srv/site",
			HasWorkdir: true, Shell: sh}},
		{"a path of variables", "ARG ROOT=/srv\nFROM x\nARG ROOT\nENV D=$ROOT/app\nWORKDIR ${D}\n",
			Final{Workdir: "/srv/app", HasWorkdir: true, Shell: sh, Env: map[string]string{"D": "/srv/app"}}},
		{"ports", "FROM x\nARG P=5000\nEXPOSE $P 53/udp 8000-8002\n", Final{Workdir: "/", Shell: sh,
			Exposed: []string{"5000", "53/udp", "8000-8002"}}},
		{"a port that is given", "FROM x\nARG V=1\nEXPOSE ${V}000/tcp\n", Final{Workdir: "/", Shell: sh,
			Exposed: []string{"7000/tcp"}}},
		{"ports of the stages it is FROM, not of others",
			"FROM x AS a\nEXPOSE 1\nFROM x AS b\nEXPOSE 2\nFROM a\nEXPOSE 3\n",
			Final{Workdir: "/", Shell: sh, Exposed: []string{"1", "3"}}},
		{"ARG ends with its stage", "FROM x AS a\nARG P=1\nFROM a\nEXPOSE ${P:-2}\n", Final{Workdir: "/", Shell: sh,
			Exposed: []string{"2"}}},
		{"ENTRYPOINT forgets an inherited CMD", "FROM x AS a\nCMD [\"b\"]\nFROM a\nENTRYPOINT [\"c\"]\n",
			Final{Workdir: "/", Shell: sh, Entrypoint: []string{"c"}}},
		{"a shell of its own", "FROM x\nSHELL [\"/bin/bash\", \"-c\"]\nCMD exec a $B\n",
			Final{Workdir: "/", Shell: []string{"/bin/bash", "-c"}, Cmd: []string{"/bin/bash", "-c", "exec a $B"}}},
		{"RUN and COPY are not looked at",
			"FROM x\nCOPY --from=${NO:?none} / /\nRUN --mount=type=secret,id=x false\n", Final{Workdir: "/",
				Shell: sh}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(test.text), map[string]string{"V": "7"})
			if err != nil {
				t.Fatal(err)
			}
			if got.Env["PATH"] != DefaultPath {
				t.Errorf("PATH is %q", got.Env["PATH"])
			}
			delete(got.Env, "PATH")
			if test.want.Env == nil {
				test.want.Env = map[string]string{}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "file with no instructions",
		"FROM x\nCDM [\"a\"]\n":     "unknown instruction: CDM",
		"FROM x\nWORKDIR ${A:?b}\n": "line 2:",
	} {
		if _, err := Read(strings.NewReader(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"ARG V=1\nFROM x:$V AS a\nENV B=${V:-2} PATH=/srv:$PATH\nWORKDIR /srv\nFROM a\nEXPOSE $V\nCMD [\"x\"]\n",
		"FROM x\nSHELL [\"/bin/bash\", \"-c\"]\nCMD exec $HOME\nENTRYPOINT []\n", "# escape=`\nFROM x\nENV A `\n b=c\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text), map[string]string{"V": "3"})
		if err == nil && (got.Env["PATH"] == "" && !strings.Contains(text, "PATH") || !strings.HasPrefix(got.Workdir,
			"/")) {
			t.Errorf("%+v", got)
		}
	})
}
