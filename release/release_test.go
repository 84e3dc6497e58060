package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// built holds a release, made once for all tests by the command itself.
var built string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "release")
	if err != nil {
		panic(err)
	}
	built = filepath.Join(folder, "artefacts")
	if err := run(context.Background(), []string{"build", "-version", "1.2.3", "-o", built}, io.Discard); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(built, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Each file is named in SHA256SUMS, and is what it says.
func TestChecksums(t *testing.T) {
	want := []string{"lambda-adapter-arm64", "lambda-adapter-arm64.cdx.json", "lambda-adapter-layer-arm64.zip",
		"lambda-adapter-layer-x86_64.zip",
		"lambda-adapter-x86_64", "lambda-adapter-x86_64.cdx.json"}
	var got []string
	for line := range strings.Lines(string(read(t, "SHA256SUMS"))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		got = append(got, name)
		if actual := sha256.Sum256(read(t, name)); sum != hex.EncodeToString(actual[:]) {
			t.Errorf("the checksum of %s is wrong", name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the release holds %v, want %v", got, want)
	}
}

// The binaries are for the processors they are named after, static and small.
func TestBinaries(t *testing.T) {
	for name, machine := range map[string]byte{"x86_64": 0x3e, "arm64": 0xb7} { // e_machine of ELF
		binary := read(t, "lambda-adapter-"+name)
		if !bytes.HasPrefix(binary, []byte("\x7fELF\x02")) || binary[18] != machine {
			t.Errorf("lambda-adapter-%s is no 64-bit ELF file for that processor", name)
		}
		if bytes.Contains(binary, []byte("/lib64/ld-linux")) || bytes.Contains(binary, []byte("/lib/ld-linux")) {
			t.Errorf("lambda-adapter-%s needs a dynamic loader", name)
		}
		if len(binary) > 3<<20 {
			t.Errorf("lambda-adapter-%s has %d bytes, want at most 3 MB", name, len(binary))
		}
	}
}

// The list of parts names the modules of the binary.
func TestSBOM(t *testing.T) {
	var list struct {
		BOMFormat  string `json:"bomFormat"`
		Components []struct{ Name string }
		Metadata   struct{ Component struct{ Version string } }
	}
	if err := json.Unmarshal(read(t, "lambda-adapter-arm64.cdx.json"), &list); err != nil {
		t.Fatal(err)
	}
	named := fmt.Sprint(list.Components)
	if list.BOMFormat != "CycloneDX" || !strings.Contains(named, "klauspost/compress") ||
		!strings.Contains(named, "std") {
		t.Errorf("format %q, parts %s", list.BOMFormat, named)
	}
	if list.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("it is of version %q", list.Metadata.Component.Version)
	}
}

// Another folder, another home and an empty cache give the same bytes. The second "machine" is a copy of the sources
// and shares nothing with the first but the toolchain and the downloaded modules.
func TestReproducible(t *testing.T) {
	other := t.TempDir()
	for _, path := range []string{"go.mod", "go.sum", "adapter", "infra", "release"} {
		if out, err := exec.Command("cp", "-r", filepath.Join("..", path), other).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	for _, a := range architectures {
		file := filepath.Join(home, a.lambda)
		compile := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -funcalign=16", "-o",
			file, "lambda-web/adapter")
		compile.Dir = filepath.Join(other, "infra")
		compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+a.goarch, "GOFLAGS=",
			"HOME="+home,
			"GOCACHE="+filepath.Join(home, "cache"), "GOMODCACHE="+strings.TrimSpace(string(modules)))
		if out, err := compile.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(binary, read(t, "lambda-adapter-"+a.lambda)) {
			t.Errorf("another machine makes another binary for %s", a.lambda)
		}
		layer, err := layerArchive(binary)
		if err != nil || !bytes.Equal(layer, read(t, layerFile(a.lambda))) {
			t.Errorf("another machine makes another layer for %s: %v", a.lambda, err)
		}
	}
	binaries := map[string][]byte{"amd64": read(t, "lambda-adapter-x86_64"), "arm64": read(t, "lambda-adapter-arm64")}
	if err := writeImage(filepath.Join(home, "image"), binaries, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	first, _ := imageDigest(filepath.Join(built, imageFolder))
	if second, err := imageDigest(filepath.Join(home, "image")); err != nil || first != second {
		t.Errorf("the image's digest is %s, then %s (%v)", first, second, err)
	}
}

// A layer has what Lambda looks for below /opt, executable.
func TestLayer(t *testing.T) {
	archive := read(t, "lambda-adapter-layer-x86_64.zip")
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"bootstrap": []byte(bootstrap), "extensions/lambda-adapter": read(t,
		"lambda-adapter-x86_64")}
	for _, file := range files.File {
		opened, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(opened)
		if err != nil || !bytes.Equal(content, want[file.Name]) || file.Mode().Perm() != 0o755 {
			t.Errorf("%s: %d bytes, mode %v, %v", file.Name, len(content), file.Mode(), err)
		}
		delete(want, file.Name)
	}
	if len(want) > 0 {
		t.Errorf("the layer lacks %d files", len(want))
	}
}

// The wrapper starts the script that the handler names, whatever command Lambda would have run.
func TestBootstrap(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"bootstrap": bootstrap, "run app.sh": "#!/bin/sh\necho started $#\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(filepath.Join(folder, "bootstrap"), "/var/runtime/bootstrap", "x")
	command.Env = []string{"LAMBDA_TASK_ROOT=" + folder, "_HANDLER=run app.sh", "PATH=" + os.Getenv("PATH")}
	if out, err := command.CombinedOutput(); err != nil || string(out) != "started 0\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// The image comes back from a registry for each processor, with nothing in it but the adapter.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/owner/lambda-adapter"
	var out bytes.Buffer
	if err := run(t.Context(), []string{"push", "-version", "1.2.3", "-o", built, "-image", repository},
		&out); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"1.2.3", "latest"} {
		if !strings.Contains(out.String(), repository+":"+tag+"@sha256:") {
			t.Errorf("it does not say that it pushed %s:\n%s", tag, &out)
		}
		for _, a := range architectures {
			reference, err := name.ParseReference(repository + ":" + tag)
			if err != nil {
				t.Fatal(err)
			}
			image, err := remote.Image(reference, remote.WithPlatform(v1.Platform{OS: "linux",
				Architecture: a.goarch}))
			if err != nil {
				t.Fatal(err)
			}
			checkImage(t, image, a.goarch, read(t, "lambda-adapter-"+a.lambda))
		}
	}
	if err := run(t.Context(), []string{"push", "-version", "1.3.0-rc.1", "-o", built, "-image", repository},
		&out); err != nil ||
		strings.Count(out.String(), ":latest@") != 1 {
		t.Errorf("a pre-release is the latest (%v):\n%s", err, &out)
	}
}

func checkImage(t *testing.T, image v1.Image, architecture string, binary []byte) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != architecture || config.OS != "linux" ||
		config.Config.Labels["org.opencontainers.image.version"] != "1.2.3" {
		t.Errorf("the image for %s is %s/%s with labels %v", architecture, config.OS, config.Architecture,
			config.Config.Labels)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for files := tar.NewReader(content); ; {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(header.Name+" "+header.Linkname))
		if header.Typeflag == tar.TypeReg {
			if file, err := io.ReadAll(files); err != nil || !bytes.Equal(file, binary) || header.Mode != 0o755 {
				t.Errorf("%s is not the binary: %v", header.Name, err)
			}
		}
	}
	if want := []string{"lambda-adapter", "opt/", "opt/extensions/",
		"opt/extensions/lambda-adapter lambda-adapter"}; !slices.Equal(got, want) {
		t.Errorf("the image holds %q, want %q", got, want)
	}
}

// The layers reach each region for each processor, and everybody where that is asked for.
func TestPublishLayers(t *testing.T) {
	var calls []string
	account := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		region := strings.Split(r.Header.Get("Authorization"), "/")[2]
		var body struct {
			Content                 struct{ ZipFile string }
			CompatibleArchitectures []string
			Principal               string
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		archive, _ := base64.StdEncoding.DecodeString(body.Content.ZipFile)
		layer := strings.Split(r.URL.Path, "/")[3]
		if strings.HasSuffix(r.URL.Path, "/policy") {
			calls = append(calls, region+" "+layer+" "+body.Principal)
		} else {
			right := bytes.Equal(archive, read(t, layerFile(body.CompatibleArchitectures[0])))
			calls = append(calls, fmt.Sprint(region, " ", layer, " ", right))
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"LayerVersionArn":"arn:aws:lambda:%s:123456789012:layer:%s:7","Version":7}`, region, layer)
	}))
	defer account.Close()
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", account.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"layer", "-version", "1.2.3", "-o", built, "-regions",
		"eu-central-1, us-east-1", "-public"}, &out); err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, region := range []string{"eu-central-1", "us-east-1"} {
		for _, a := range architectures {
			want = append(want, region+" lambda-adapter-"+a.lambda+" true", region+" lambda-adapter-"+a.lambda+" *")
		}
	}
	if !slices.Equal(calls, want) {
		t.Errorf("the account saw %q, want %q", calls, want)
	}
	if !strings.Contains(out.String(), "arn:aws:lambda:us-east-1:123456789012:layer:lambda-adapter-arm64:7\n") {
		t.Errorf("it does not print the ARNs:\n%s", &out)
	}
}

// What is not right is said, all at once, before anything happens.
func TestMistakes(t *testing.T) {
	folder := t.TempDir()
	tests := []struct {
		args []string
		want string
	}{
		{nil, "name one of the commands"},
		{[]string{"ship"}, "name one of the commands"},
		{[]string{"build", "-version", "v1.2.3"}, `-version is "v1.2.3"; it must be a version such as 1.2.3`},
		{[]string{"build", "-version", "1.2"}, "-version is"},
		{[]string{"build", "-version", "1.2.3+x"}, "-version is"},
		{[]string{"build", "-version", "01.2.3"}, "-version is"},
		{[]string{"push", "-version", ""}, "-image is missing"},
		{[]string{"push", "-version", "1.2.3", "-o", folder, "-image", "x"}, "run release build first"},
		{[]string{"push", "-version", "1.2.3", "-o", built, "-image", "Owner/adapter"},
			"it must be a repository such as"},
		{[]string{"layer", "-version", "1.2.3"}, "-regions is missing"},
		{[]string{"layer", "-version", "1.2.3", "-o", folder, "-regions", "us-east-1"}, "run release build first"},
	}
	for _, test := range tests {
		if err := run(t.Context(), test.args, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
}

// What was changed after the build is not published.
func TestVerify(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(built)); err != nil {
		t.Fatal(err)
	}
	name := layerFile("arm64")
	if err := verify(folder, name); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := verify(folder, name); err == nil || !strings.Contains(err.Error(), "is not what SHA256SUMS says") {
		t.Errorf("a changed file: %v", err)
	}
}

// The tree is ready when all is committed on main, the version is new and the changelog speaks of it.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	step := func(name string, args ...string) {
		t.Helper()
		command := exec.Command(name, args...)
		command.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	changelog := func(text string) {
		t.Helper()
		if err := os.WriteFile("CHANGELOG.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	says := func(wants ...string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), []string{"check", "-version", "1.2.3"}, &out)
		for _, want := range wants {
			if got := fmt.Sprint(&out, err); !strings.Contains(got, want) {
				t.Errorf("it says %q, want %q", got, want)
			}
		}
	}
	step("git", "init", "-q", "-b", "side")
	changelog("# Changes\n\n## 1.2.3\n\n## 1.2.2\n\nOlder.\n")
	says("not committed", `the branch is "side"`, `no section "## 1.2.3"`)
	changelog("# Changes\n\n## 1.2.3\n\nNew.\n")
	step("git", "checkout", "-q", "-b", "main")
	step("git", "add", ".")
	step("git", "commit", "-q", "-m", "x")
	says("Ready for 1.2.3.")
	step("git", "tag", "v1.2.3")
	says("the tag v1.2.3 is there already")
}
