package container

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestBuildFailures: what builders of three kinds wrote, and the sentence a user gets.
func TestBuildFailures(t *testing.T) {
	const command = `echo one && echo two >&2 && exit 3`
	for _, c := range []struct{ file, want string }{
		{"base.buildkit",
			"the base image nope.invalid/nothing:1 is not on this machine and could not be fetched (failed to do request: Head"},
		{"base.classic",
			"the base image nope.invalid/nothing:1 is not on this machine and could not be fetched (Get " +
				"\"https://nope.invalid/v2/\": dial tcp"},
		{"run.buildkit", "build the image: the step [2/2] RUN " + command +
			" failed: executor failed running [/bin/sh -c " + command + "]: exit code: 3\n    one\n    two"},
		{"run.buildx", "build the image: the step [2/2] RUN " + command + " failed: process \"/bin/sh -c " + command +
			"\" did not complete successfully: exit code: 3\n    one\n    two"},
		{"run.classic", "build the image: the step [3/4] RUN " + command + " failed: The command '/bin/sh -c " +
			command + "' returned a non-zero code: 3\n    two\n    one"},
		{"copy.buildkit", "build the image: the step [2/2] COPY nothing /x failed: \"/nothing\" not found: not found"},
		{"copy.classic",
			"build the image: the step [2/2] COPY nothing /x failed: COPY failed: file not found in build context"},
		{"parse.buildkit",
			"build the image: failed to solve with frontend dockerfile.v0: failed to create LLB definition: " +
				"dockerfile parse error line 2: unknown instruction: RUNN"},
		{"parse.classic",
			"build the image: Error response from daemon: dockerfile parse error line 2: unknown " +
				"instruction: RUNN\nThis docker command builds without BuildKit"},
		{"cgroups.podman",
			"build the image: the step [5/10] RUN pip install --no-cache-dir -r requirements.txt failed: " +
				"building at STEP \"RUN pip install --no-cache-dir -r requirements.txt\": while running " +
				"runtime: exit status 1\n    error running container: from /usr/bin/crun creating " +
				"container for [/bin/sh -c pip install --no-cache-dir -r requirements.txt]: cgroups " +
				"in hybrid mode not supported, drop all controllers from cgroupv2\n    : exit " +
				"status 1\nThe engine's runtime does not take this machine's control groups: set runtime = \"runc\""},
		{"mount.classic",
			"build the image: the step [2/2] RUN --mount=type=cache,target=/x true failed: the --mount " +
				"option requires BuildKit."},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + c.file + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{1, 7, len(text)} { // pieces of any size
				tr := newTranscript(builderOf(c.file), Source{Platform: "linux/arm64"})
				defer tr.close()
				for rest := text; len(rest) > 0; rest = rest[min(size, len(rest)):] {
					tr.Write(rest[:min(size, len(rest))])
				}
				if got := tr.failure(errors.New("exit status 1")).Error(); !strings.HasPrefix(got, c.want) {
					t.Errorf("in pieces of %d bytes: got\n%s\nwant\n%s", size, got, c.want)
				}
			}
		})
	}
}

func builderOf(file string) builder {
	return map[string]builder{"buildx": buildx, "buildkit": buildKit, "classic": classic,
		"podman": buildah}[file[strings.IndexByte(file, '.')+1:]]
}

// TestBuildArgumentsNameTheBaseImage: the classic builder shows variables unexpanded.
func TestBuildArgumentsNameTheBaseImage(t *testing.T) {
	tr := newTranscript(classic, Source{Args: map[string]string{"BASE": "other:2"}})
	defer tr.close()
	tr.Write([]byte("Step 1/2 : ARG BASE=python:3\nStep 2/2 : FROM --platform=linux/amd64 " +
		"docker.io/library/${BASE} AS app\nmanifest unknown\n"))
	if got := tr.failure(errors.New("exit status 1")); got.Base != "other:2" || got.Reason != "manifest unknown" {
		t.Errorf("got base %q, reason %q", got.Base, got.Reason)
	}
}

// TestWhatToDo: failures of the machine end in what to do about them.
func TestWhatToDo(t *testing.T) {
	const full = "isk of the container engine is full: make room (docker system df shows what takes it"
	for _, c := range []struct {
		name, text, want string
		builder          builder
	}{
		{"a full disk in a step",
			"#5 [2/2] RUN pip install x\n#5 0.2 OSError: [Errno 28] No space left on device\n#5 ERROR: exit code: 1\n", full, buildx},
		{"a full disk by the classic builder",
			"Step 1/2 : FROM x\n ---> 1\nStep 2/2 : COPY . .\nError processing tar file(exit status 1): " +
				"write /big: no space left on device\n", full, classic},
		{"a full disk before any step", "write /var/lib/docker/tmp/x: no space left on device\n", full, classic},
		{"a full disk while the base image is fetched",
			"#4 [1/2] FROM docker.io/library/x:1\n#4 ERROR: failed to register layer: write /y: no space " +
				"left on device\n", full, buildx},
		{"a step of another processor",
			"#5 [2/2] RUN true\n#5 0.2 exec /bin/sh: exec format error\n#5 ERROR: exit code: 1\n",
			"this machine cannot run linux/arm64 images: give the stack this machine's processor (pulumi " +
				"config set architecture)", buildx},
		{"a base image that does not exist for a processor",
			"#3 [internal] load metadata for docker.io/library/x:1\n#3 ERROR: no match for platform in " +
				"manifest: not found\n", "the base image x:1 does not exist for linux/arm64 (no match for " +
				"platform in manifest: not found): take one that does", buildx},
		{"the same by the classic builder",
			"Step 1/2 : FROM x:1\nno matching manifest for linux/arm64 in the manifest list entries\n",
			"the base image x:1 does not exist for linux/arm64", classic},
		{"a flag that an old BuildKit does not know",
			"failed to solve: dockerfile parse error line 53: Unknown flag: start-interval\n",
			"this engine is too old for it: update it, or make \"# syntax=docker/dockerfile:1\" the first line",
			buildx},
		{"a private base image",
			"#3 [internal] load metadata for r.example/x:1\n#3 ERROR: pull access denied, repository does " +
				"not exist or may require authorization\n", "if it is a private one, log in to its registry: docker login", buildx},
		{"too many pulls",
			"#3 [internal] load metadata for docker.io/library/x:1\n#3 ERROR: 429 Too Many Requests - " +
				"toomanyrequests: You have reached your unauthenticated pull rate limit\n", "docker login, or wait", buildx},
		{"a registry that is not reached, by Podman",
			"STEP 1/2: FROM x:1\nError: creating build container: initializing source docker://x:1: pinging " +
				"container registry: no such host\n", "the base image x:1 is not on this machine and could " +
				"not be fetched", buildah},
	} {
		tr := newTranscript(c.builder, Source{Platform: "linux/arm64"})
		tr.Write([]byte(c.text))
		tr.close()
		if got := tr.failure(errors.New("exit status 1")).Error(); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", c.name, got, c.want)
		}
	}
}

// TestWholeStep: all that the builder said of a step is in the error, but for the middle of very much; what has been
// told as it came is not told again.
func TestWholeStep(t *testing.T) {
	for _, c := range []struct {
		lines, want int
		told        bool
	}{{40, 40, false}, {keepFirst + keepLast, keepFirst + keepLast, false}, {5000, keepFirst + keepLast, false},
		{40, keepRest, true}, {3, 3, true}} {
		var log strings.Builder
		tr := newTranscript(buildx, Source{Log: &log})
		tr.close()
		if c.told {
			tr.talk()
		}
		fmt.Fprintln(tr, "#5 [2/2] RUN make")
		for i := range c.lines {
			fmt.Fprintf(tr, "#5 0.%d line %d\n", i, i)
		}
		fmt.Fprintln(tr, "#5 ERROR: exit code: 2")
		output := tr.failure(errors.New("exit status 1")).Output
		if len(output) != c.want || output[len(output)-1] != fmt.Sprintf("line %d", c.lines-1) || !c.told &&
			output[0] != "line 0" {
			t.Errorf("%d lines, told %t: %d lines are in the error, want %d", c.lines, c.told, len(output), c.want)
		}
		if got := strings.Contains(log.String(), "    #5 0.0 line 0\n"); got != c.told {
			t.Errorf("%d lines, told %t: the log is %.200q", c.lines, c.told, log.String())
		}
	}
}

// TestABuilderThatSaysNothing: its exit is the reason.
func TestABuilderThatSaysNothing(t *testing.T) {
	for _, b := range []builder{buildKit, classic, buildah} {
		tr := newTranscript(b, Source{})
		defer tr.close()
		if got := tr.failure(errors.New("signal: killed")).Error(); got != "build the image: signal: killed" {
			t.Errorf("got %q", got)
		}
	}
}
