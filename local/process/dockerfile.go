package process

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// metadata is what the final stage of a Dockerfile says about the process it starts, and nothing about files.
// https://docs.docker.com/reference/dockerfile/
type metadata struct {
	env        map[string]string
	workdir    string
	shell      []string // for command lines that are text
	entrypoint []string
	cmd        []string
}

// defaultPath is the PATH of an image that sets none, as Docker gives it to its containers.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// metadataReader follows the instructions of a Dockerfile.
type metadataReader struct {
	metadata
	lex    *shell.Lex
	given  map[string]string // build arguments
	global map[string]string // ARGs before the first FROM
	args   map[string]string // ARGs of the stage
	own    bool              // CMD is the stage's own, not inherited
}

// readMetadata reads a Dockerfile with its build arguments.
func readMetadata(r io.Reader, buildArgs map[string]string) (metadata, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return metadata{}, err
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return metadata{}, err
	}
	stages, global, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return metadata{}, err
	}
	m := metadataReader{lex: shell.NewLex(tree.EscapeToken), given: buildArgs, args: map[string]string{}}
	m.env, m.workdir, m.shell = map[string]string{}, "/", []string{"/bin/sh", "-c"}
	for _, arg := range global {
		if err := m.arg(&arg); err != nil {
			return metadata{}, err
		}
	}
	m.global = m.args
	m.env["PATH"] = defaultPath
	for _, stage := range chain(stages) {
		m.args, m.own = map[string]string{}, false // ARG ends with its stage
		for _, command := range stage.Commands {
			if err := m.read(command); err != nil {
				return metadata{}, fmt.Errorf("line %d: %w", lineOf(command), err)
			}
		}
	}
	return m.metadata, nil
}

// chain is the final stage behind the earlier stages it is FROM, first one first.
func chain(stages []instructions.Stage) []instructions.Stage {
	if len(stages) == 0 {
		return nil
	}
	last := len(stages) - 1
	line := []instructions.Stage{stages[last]}
	for base, ok := instructions.HasStage(stages[:last], stages[last].BaseName); ok; {
		line = append(line, stages[base])
		base, ok = instructions.HasStage(stages[:base], stages[base].BaseName)
	}
	slices.Reverse(line)
	return line
}

// read takes what an instruction says about the process. The others are not even expanded.
func (m *metadataReader) read(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.ArgCommand:
		return m.arg(c)
	case *instructions.EnvCommand:
		if err := c.Expand(m.expand); err != nil {
			return err
		}
		for _, pair := range c.Env {
			m.env[pair.Key] = pair.Value
		}
	case *instructions.WorkdirCommand:
		if err := c.Expand(m.expand); err != nil {
			return err
		}
		if !path.IsAbs(c.Path) {
			c.Path = path.Join(m.workdir, c.Path)
		}
		m.workdir = path.Clean(c.Path)
	case *instructions.ShellCommand:
		m.shell = c.Shell
	case *instructions.EntrypointCommand:
		m.entrypoint = m.commandLine(c.ShellDependantCmdLine)
		if !m.own {
			m.cmd = nil
		}
	case *instructions.CmdCommand:
		m.cmd, m.own = m.commandLine(c.ShellDependantCmdLine), true
	}
	return nil
}

func (m *metadataReader) arg(c *instructions.ArgCommand) error {
	if err := c.Expand(m.expand); err != nil {
		return err
	}
	for _, a := range c.Args {
		if value, ok := m.given[a.Key]; ok {
			m.args[a.Key] = value
		} else if a.Value != nil {
			m.args[a.Key] = *a.Value
		} else if value, ok := m.global[a.Key]; ok {
			m.args[a.Key] = value
		}
	}
	return nil
}

// expand replaces $NAME and ${NAME} in one word, as Docker does.
func (m *metadataReader) expand(word string) (string, error) {
	out, _, err := m.lex.ProcessWord(word, m)
	return out, err
}

// Get and Keys make the reader the environment of the word expansion: ENV wins over ARG.
func (m *metadataReader) Get(name string) (string, bool) {
	if value, ok := m.env[name]; ok {
		return value, true
	}
	value, ok := m.args[name]
	return value, ok
}

func (m *metadataReader) Keys() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(m.args)), maps.Keys(m.env))
}

func (m *metadataReader) commandLine(c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return c.CmdLine
	}
	return append(slices.Clone(m.shell), strings.Join(c.CmdLine, " "))
}

func lineOf(c instructions.Command) int {
	if at := c.Location(); len(at) > 0 {
		return at[0].Start.Line
	}
	return 0
}
