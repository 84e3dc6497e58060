// Package stage reads what the final stage of a Dockerfile says of the image it makes, without building anything:
// RUN and COPY are not even looked at.
package stage

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Final is what the final stage says, through the stages of the file that it is FROM, with ARG and ENV expanded. What
// the image it begins with says is not known.
// https://docs.docker.com/reference/dockerfile/
type Final struct {
	Env        map[string]string
	Workdir    string   // absolute; "/" unless HasWorkdir
	HasWorkdir bool     // the file sets one
	Shell      []string // for command lines that are text
	Entrypoint []string
	Cmd        []string
	Exposed    []string // as it is written: 8080, 8080/tcp, 53/udp, 8000-8010
}

// DefaultPath is the PATH of an image that sets none, as Docker gives it to its containers.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// reader follows the instructions of a Dockerfile.
type reader struct {
	Final
	lex    *shell.Lex
	given  map[string]string // build arguments
	global map[string]string // ARGs before the first FROM
	args   map[string]string // ARGs of the stage
	own    bool              // CMD is the stage's own, not inherited
}

// Read reads a Dockerfile with the values of its build arguments.
func Read(r io.Reader, buildArgs map[string]string) (Final, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Final{}, err
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return Final{}, err
	}
	stages, global, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return Final{}, err
	}
	m := reader{lex: shell.NewLex(tree.EscapeToken), given: buildArgs, args: map[string]string{}}
	m.Env, m.Workdir, m.Shell = map[string]string{}, "/", []string{"/bin/sh", "-c"}
	for _, arg := range global {
		if err := m.arg(&arg); err != nil {
			return Final{}, err
		}
	}
	m.global = m.args
	m.Env["PATH"] = DefaultPath
	for _, stage := range chain(stages) {
		m.args, m.own = map[string]string{}, false // ARG ends with its stage
		for _, command := range stage.Commands {
			if err := m.read(command); err != nil {
				return Final{}, fmt.Errorf("line %d: %w", lineOf(command), err)
			}
		}
	}
	return m.Final, nil
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
func (m *reader) read(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.ArgCommand:
		return m.arg(c)
	case *instructions.EnvCommand:
		if err := c.Expand(m.expand); err != nil {
			return err
		}
		for _, pair := range c.Env {
			m.Env[pair.Key] = pair.Value
		}
	case *instructions.WorkdirCommand:
		if err := c.Expand(m.expand); err != nil {
			return err
		}
		if !path.IsAbs(c.Path) {
			c.Path = path.Join(m.Workdir, c.Path)
		}
		m.Workdir, m.HasWorkdir = path.Clean(c.Path), true
	case *instructions.ExposeCommand:
		for _, port := range c.Ports {
			expanded, err := m.lex.ProcessWords(port, m)
			if err != nil {
				return err
			}
			m.Exposed = append(m.Exposed, expanded...)
		}
	case *instructions.ShellCommand:
		if isShell(c.Shell) {
			m.Shell = c.Shell
		}
	case *instructions.EntrypointCommand:
		m.Entrypoint = m.commandLine(c.ShellDependantCmdLine)
		if !m.own {
			m.Cmd = nil
		}
	case *instructions.CmdCommand:
		m.Cmd, m.own = m.commandLine(c.ShellDependantCmdLine), true
	}
	return nil
}

// isShell tells whether a SHELL is one that takes options alone: no other gets to run something of its own.
func isShell(words []string) bool {
	if len(words) < 2 || !shells.MatchString(path.Base(words[0])) || !strings.HasSuffix(words[len(words)-1], "c") {
		return false
	}
	return !slices.ContainsFunc(words[1:], func(word string) bool {
		return word != "pipefail" &&
			!shellOption.MatchString(word)
	})
}

var (
	shells      = regexp.MustCompile(`^(sh|bash|dash|ash)$`)
	shellOption = regexp.MustCompile(`^-[a-z]+$`)
)

func (m *reader) arg(c *instructions.ArgCommand) error {
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
func (m *reader) expand(word string) (string, error) {
	out, _, err := m.lex.ProcessWord(word, m)
	return out, err
}

// Get and Keys make the reader the environment of the word expansion: ENV wins over ARG.
func (m *reader) Get(name string) (string, bool) {
	if value, ok := m.Env[name]; ok {
		return value, true
	}
	value, ok := m.args[name]
	return value, ok
}

func (m *reader) Keys() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(m.args)), maps.Keys(m.Env))
}

func (m *reader) commandLine(c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return c.CmdLine
	}
	return append(slices.Clone(m.Shell), strings.Join(c.CmdLine, " "))
}

func lineOf(c instructions.Command) int {
	if at := c.Location(); len(at) > 0 {
		return at[0].Start.Line
	}
	return 0
}
