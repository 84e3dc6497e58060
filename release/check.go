package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// versionText: https://semver.org, without build metadata, which tags and image references cannot have.
var versionText = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func isVersion(text string) bool { return len(text) <= 64 && versionText.MatchString(text) }

// check says everything that stands between the tree and a release of a version.
func check(ctx context.Context, o options, out io.Writer) error {
	var mistakes []string
	changes, err := git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changes != "" {
		mistakes = append(mistakes, "the tree has changes that are not committed: commit or stash them")
	}
	if branch, err := git(ctx, "branch", "--show-current"); err != nil || branch != "main" {
		mistakes = append(mistakes, fmt.Sprintf("the branch is %q: releases are made of main", branch))
	}
	if tag, err := git(ctx, "tag", "--list", "v"+o.version); err != nil || tag != "" {
		mistakes = append(mistakes, "the tag v"+o.version+" is there already: take the next version")
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil || !hasSection(changelog, o.version) {
		mistakes = append(mistakes, "CHANGELOG.md has no section \"## "+o.version+"\": write what changes for users")
	}
	if len(mistakes) > 0 {
		return fmt.Errorf("not ready for %s:\n  %s", o.version, strings.Join(mistakes, "\n  "))
	}
	fmt.Fprintf(out, "Ready for %s.\n", o.version)
	return nil
}

// hasSection tells whether a version's section is there and has a line.
func hasSection(changelog []byte, version string) bool {
	_, rest, found := bytes.Cut(append([]byte("\n"), changelog...), []byte("\n## "+version+"\n"))
	section, _, _ := bytes.Cut(rest, []byte("\n## "))
	return found && len(bytes.TrimSpace(section)) > 0
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
