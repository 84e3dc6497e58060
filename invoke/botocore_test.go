package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const botocoreVersion = "1.40.61"

// signAll is botocore's signer over a list of requests, each at its own time.
const signAll = `
import datetime, json, sys
import botocore.auth, botocore.awsrequest, botocore.credentials

out = []
for case in json.load(sys.stdin):
    now = datetime.datetime.strptime(case["time"], "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda *args, **kwargs: now
    request = botocore.awsrequest.AWSRequest(method=case["method"], url=case["url"], data=bytes(case["body"]))
    for name, value in case["headers"] or []:
        request.headers.add_header(name, value)
    credentials = botocore.credentials.Credentials(case["key"], case["secret"], case["token"] or None)
    botocore.auth.SigV4Auth(credentials, case["service"], case["region"]).add_auth(request)
    out.append(request.headers["Authorization"])
json.dump(out, sys.stdout)
`

type botocoreCase struct {
	made
	Body    []int  `json:"body"` // Python's bytes() takes numbers
	Time    string `json:"time"`
	Key     string `json:"key"`
	Secret  string `json:"secret"`
	Token   string `json:"token"`
	Region  string `json:"region"`
	Service string `json:"service"`
	ours    string
}

// TestAgreesWithBotocore holds the signer against the one of the AWS CLI, an implementation of its own.
func TestAgreesWithBotocore(t *testing.T) {
	python := botocore(t)
	random := rand.New(rand.NewPCG(3, 4))
	cases := make([]botocoreCase, 500)
	for i := range cases {
		s, m := madeUp(random)
		now := suiteTime.Add(time.Duration(random.IntN(1e8)) * time.Second)
		r := m.request(t)
		s.sign(r, []byte(m.body), now)
		numbers := make([]int, len(m.body))
		for at, b := range []byte(m.body) {
			numbers[at] = int(b)
		}
		cases[i] = botocoreCase{made: m, Body: numbers, Time: now.Format(basicISO), Key: s.credentials.AccessKeyID,
			Secret: s.credentials.SecretAccessKey,
			Token:  s.credentials.SessionToken, Region: s.region, Service: s.service,
			ours: r.Header.Get("Authorization")}
	}
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "-c", signAll)
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("botocore: %v", err)
	}
	var theirs []string
	if err := json.Unmarshal(output, &theirs); err != nil || len(theirs) != len(cases) {
		t.Fatalf("botocore signed %d of %d requests: %v", len(theirs), len(cases), err)
	}
	for i, c := range cases {
		if theirs[i] != c.ours {
			t.Fatalf("%+v\n ours     %s\n botocore %s", c.made, c.ours, theirs[i])
		}
	}
}

// botocore returns a Python that has botocore, installed once. The test is skipped where it cannot be had.
func botocore(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, ".lambda-web", "venv-botocore-"+botocoreVersion)
	python := filepath.Join(folder, "bin", "python")
	if exec.Command(python, "-c", "import botocore").Run() == nil {
		return python
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3, which botocore needs")
	}
	if output, err := exec.Command("python3", "-m", "venv", folder).CombinedOutput(); err != nil {
		t.Skipf("a virtual environment for botocore cannot be made: %v\n%s", err, output)
	}
	output, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"botocore=="+botocoreVersion).CombinedOutput()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Skipf("botocore cannot be installed, the package index may be out of reach:\n%s", output)
	}
	if err != nil {
		t.Fatal(err)
	}
	return python
}
