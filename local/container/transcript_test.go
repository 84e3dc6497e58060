package container

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestBuildFailures: what builders of three kinds wrote, and the sentence a user gets.
func TestBuildFailures(t *testing.T) {
	const command = `echo one && echo two >&2 && exit 3`
	for _, c := range []struct{ file, want string }{
		{"base.buildkit", "the base image nope.invalid/nothing:1 is not on this machine and could not be fetched (failed to do request: Head"},
		{"base.classic", "the base image nope.invalid/nothing:1 is not on this machine and could not be fetched (Get \"https://nope.invalid/v2/\": dial tcp"},
		{"run.buildkit", "build the image: the step [2/2] RUN " + command + " failed: executor failed running [/bin/sh -c " + command + "]: exit code: 3\n    one\n    two"},
		{"run.buildx", "build the image: the step [2/2] RUN " + command + " failed: process \"/bin/sh -c " + command + "\" did not complete successfully: exit code: 3\n    one\n    two"},
		{"run.classic", "build the image: the step [3/4] RUN " + command + " failed: The command '/bin/sh -c " + command + "' returned a non-zero code: 3\n    two\n    one"},
		{"copy.buildkit", "build the image: the step [2/2] COPY nothing /x failed: \"/nothing\" not found: not found"},
		{"copy.classic", "build the image: the step [2/2] COPY nothing /x failed: COPY failed: file not found in build context"},
		{"parse.buildkit", "build the image: failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNN"},
		{"parse.classic", "build the image: Error response from daemon: dockerfile parse error line 2: unknown instruction: RUNN\nThis docker command builds without BuildKit"},
		{"mount.classic", "build the image: the step [2/2] RUN --mount=type=cache,target=/x true failed: the --mount option requires BuildKit."},
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
	return map[string]builder{"buildx": buildx, "buildkit": buildKit, "classic": classic, "podman": buildah}[file[strings.IndexByte(file, '.')+1:]]
}

// TestBuildArgumentsNameTheBaseImage: the classic builder shows variables unexpanded.
func TestBuildArgumentsNameTheBaseImage(t *testing.T) {
	tr := newTranscript(classic, Source{Args: map[string]string{"BASE": "other:2"}})
	defer tr.close()
	tr.Write([]byte("Step 1/2 : ARG BASE=python:3\nStep 2/2 : FROM --platform=linux/amd64 docker.io/library/${BASE} AS app\nmanifest unknown\n"))
	if got := tr.failure(errors.New("exit status 1")); got.Base != "other:2" || got.Reason != "manifest unknown" {
		t.Errorf("got base %q, reason %q", got.Base, got.Reason)
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
