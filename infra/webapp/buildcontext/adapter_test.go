package buildcontext

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompileAdapterSaysHowToGetGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := CompileAdapter(t.Context(), "amd64", filepath.Join(t.TempDir(), "adapter"))
	if err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("got %v, want the way to Go", err)
	}
}

func TestCompileAdapterShowsTheCompilersWords(t *testing.T) {
	t.Chdir(t.TempDir()) // outside of any module the package cannot be found
	err := CompileAdapter(t.Context(), "amd64", filepath.Join(t.TempDir(), "adapter"))
	if err == nil || !strings.Contains(err.Error(), "linux/amd64") || !strings.Contains(err.Error(), adapterPackage) {
		t.Errorf("got %v, want the architecture and the compiler's words", err)
	}
}

// hostile makes an environment, and a file of `go env -w`, that would change what is compiled.
func hostile(t *testing.T) {
	t.Helper()
	written := filepath.Join(t.TempDir(), "env")
	must(t, os.WriteFile(written,
		[]byte("GOFLAGS=-tags=purego "+
			"-gcflags=all=-N\nGOAMD64=v3\nGOARM64=v8.1,lse\nGOEXPERIMENT=nogreenteagc\nGOFIPS140=latest\n"), 0o600))
	t.Setenv("GOENV", written)
	t.Setenv("GOFLAGS", "-tags=other")
	t.Setenv("GODEBUG", "gotypesalias=0")
	t.Setenv("CGO_ENABLED", "1")
}

// The adapter is static and the same bytes each time, whatever the caller's environment says.
func TestCompileAdapter(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the adapter for two architectures")
	}
	for architecture, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(architecture, func(t *testing.T) {
			first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
			must(t, CompileAdapter(t.Context(), architecture, first))
			hostile(t)
			must(t, CompileAdapter(t.Context(), architecture, second))
			file, err := elf.Open(first)
			must(t, err)
			defer file.Close()
			if file.Machine != machine {
				t.Errorf("compiled for %v, want %v", file.Machine, machine)
			}
			if libraries, _ := file.ImportedLibraries(); len(libraries) > 0 || file.Section(".interp") != nil {
				t.Errorf("the adapter is not static: %v", libraries)
			}
			a, err := os.ReadFile(first)
			must(t, err)
			b, err := os.ReadFile(second)
			must(t, err)
			if !bytes.Equal(a, b) {
				t.Error("two compilations differ")
			}
		})
	}
}
