package main

import (
	"strings"

	"lambda-web/test/verify/evidence"
)

// known is a difference that there is, and why. docs/local.md tells it to the reader.
type known struct {
	check string
	what  string // begin of what differs; empty for all of the check
	why   string
}

// betweenModes are the differences between process and container mode. Others fail the run.
var betweenModes = []known{
	{"environment/variables", "fact ", "process mode runs the app in its own folder, on a free port, with your tools"},
	{"environment/files", "fact ", "process mode has the file system of this machine"},
	{"environment/limits", "fact ", "process mode runs the app as you, with your limits"},
	{"environment/memory", "fact ", "process mode measures memory and does not limit it"},
	{"snapstart/shared", "fact ", "which environment answers is left to chance"},
	{"snapstart/clock", "fact ", "how long a start waits for its restore is left to chance"},
	{"life/files-in-tmp", "fact ", "a container's /tmp is gone when its app has ended"},
}

// betweenClouds are those between the local cloud, in process mode, and AWS, as far as they are known beforehand.
var betweenClouds = []known{
	{"environment/variables", "fact ", "process mode runs the app in its own folder, on a free port, with your tools"},
	{"environment/files", "fact ", "process mode has the file system of this machine"},
	{"environment/limits", "fact ", "process mode runs the app as you, with your limits"},
	{"environment/memory", "fact ", "process mode measures memory and does not limit it"},
	{"capacity/at-the-limit", "fact it comes at once", "here a request waits up to 10 s for an environment"},
	{"snapstart/shared", "fact ", "here a restore is a start of its own"},
	{"snapstart/clock", "fact ", "here a restore is a start of its own"},
	{"snapstart/variables", "fact ", "here there is no role"},
}

// why is the reason of a difference, or empty.
func why(d evidence.Difference, expected []known) string {
	for _, k := range expected {
		if k.check == d.Check && strings.HasPrefix(d.What, k.what) {
			return k.why
		}
	}
	return ""
}
