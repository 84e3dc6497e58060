package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// recipe is what a Dockerfile says about its final image: the steps that fill it, in order, and the
// settings the app is started with. Paths are those inside the image.
// https://docs.docker.com/reference/dockerfile/
type recipe struct {
	base       string // the image that the first stage is FROM
	steps      []step
	env        []variable
	workdir    string
	entrypoint []string
	cmd        []string
}

type variable struct{ name, value string }

// step is one instruction that changes the image's files.
type step struct {
	line    int
	kind    stepKind
	workdir string      // the image's working directory at this line
	env     []variable  // the image's environment at this line
	when    []condition // files that decide whether it is carried out
	from    *recipe     // copy: the stage the files come from; nil is the build context
	args    []string    // copy: sources, then the destination; else the words of the command
}

type stepKind int

const (
	stepCopy    stepKind = iota // COPY or ADD
	stepPip                     // RUN pip install ...: the words after "install"
	stepNode                    // RUN of npm ci, yarn install and the like: the words of the command
	stepFolder                  // RUN mkdir: the folders
	stepTool                    // RUN of another command of the app's own language
	stepSkipped                 // RUN of anything else: not run on this machine
)

// hasCommands tells whether an image makes files, or installs packages, by commands.
func (r *recipe) hasCommands() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return s.kind != stepCopy && s.kind != stepSkipped })
}

// changesPackages tells whether commands run in the image that may change installed packages, which
// must not be those that other images share.
func (r *recipe) changesPackages() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return s.kind == stepTool })
}

// defaultPath is the PATH of an image that sets none, as Docker gives it to its containers.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// readRecipe reads a Dockerfile with its build arguments. What only a real image build can do is an
// error that names the line.
func readRecipe(r io.Reader, buildArgs map[string]string) (*recipe, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read Dockerfile: %w", err)
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse Dockerfile: %w", err)
	}
	stages, global, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("parse Dockerfile: %w", err)
	}
	b := recipeReader{known: map[int]*recipe{}}
	b.lex = shell.NewLex(tree.EscapeToken)
	b.given = buildArgs
	for _, arg := range global {
		if err := b.arg(&arg); err != nil {
			return nil, err
		}
	}
	b.global, b.stages = b.args, stages
	return b.stage(len(stages) - 1)
}

// stage reads one stage with the stages it is FROM, once.
func (b recipeReader) stage(last int) (*recipe, error) {
	if r, ok := b.known[last]; ok {
		return r, nil
	}
	b.recipe = recipe{workdir: "/", env: []variable{{"PATH", defaultPath}}}
	b.shell = []string{"/bin/sh", "-c"}
	b.earlier = b.stages[:max(last, 0)]
	line := chain(b.stages[:last+1])
	if err := b.from(line); err != nil {
		return nil, err
	}
	for _, stage := range line {
		b.args = nil // ARG ends with its stage
		for _, command := range stage.Commands {
			if err := b.read(command); err != nil {
				return nil, err
			}
		}
	}
	b.known[last] = &b.recipe
	return &b.recipe, nil
}

// from notes the image that a line of stages starts with.
func (b *recipeReader) from(line []instructions.Stage) error {
	if len(line) == 0 {
		return nil
	}
	b.args = b.global
	base, err := b.expand(line[0].BaseName)
	if err != nil {
		return fmt.Errorf("Dockerfile: FROM %s: %w", line[0].BaseName, err)
	}
	b.base = base
	if imageName(base) == "uv" {
		b.steps = append(b.steps, step{kind: stepPip, workdir: "/", args: []string{"uv"}})
	}
	return nil
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

type recipeReader struct {
	recipe
	lex     *shell.Lex
	shell   []string
	given   map[string]string // build arguments
	global  []variable        // ARGs before the first FROM
	args    []variable
	stages  []instructions.Stage
	known   map[int]*recipe      // the stages that were read, by number
	earlier []instructions.Stage // those that COPY --from may name
}

func (b *recipeReader) read(command instructions.Command) error {
	if e, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		if err := e.Expand(b.expand); err != nil {
			return fmt.Errorf("Dockerfile line %d: %w", lineOf(command), err)
		}
	}
	switch c := command.(type) {
	case *instructions.ArgCommand:
		return b.arg(c)
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			b.env = set(b.env, pair.Key, pair.Value)
		}
	case *instructions.WorkdirCommand:
		b.workdir = join(b.workdir, c.Path)
	case *instructions.CopyCommand:
		return b.copy(command, c.From, c.SourcesAndDest)
	case *instructions.AddCommand:
		return b.copy(command, "", c.SourcesAndDest)
	case *instructions.RunCommand:
		return b.run(command, c)
	case *instructions.ShellCommand:
		b.shell = c.Shell
	case *instructions.EntrypointCommand:
		b.entrypoint, b.cmd = b.commandLine(c.ShellDependantCmdLine), nil
	case *instructions.CmdCommand:
		b.cmd = b.commandLine(c.ShellDependantCmdLine)
	}
	return nil // EXPOSE, LABEL, USER, VOLUME, HEALTHCHECK, STOPSIGNAL say nothing to a process on this machine
}

func (b *recipeReader) arg(c *instructions.ArgCommand) error {
	if err := c.Expand(b.expand); err != nil {
		return fmt.Errorf("Dockerfile line %d: %w", lineOf(c), err)
	}
	for _, a := range c.Args {
		value, known := lookup(b.global, a.Key)
		if a.Value != nil {
			value, known = *a.Value, true
		}
		if given, ok := b.given[a.Key]; ok {
			value, known = given, true
		}
		if known {
			b.args = set(b.args, a.Key, value)
		}
	}
	return nil
}

// expand replaces $NAME and ${NAME} in one word, as Docker does: ENV wins over ARG.
func (b *recipeReader) expand(word string) (string, error) {
	out, _, err := b.lex.ProcessWord(word, b)
	return out, err
}

// Get and Keys make recipeReader the environment of the word expansion.
func (b *recipeReader) Get(name string) (string, bool) {
	if value, ok := lookup(b.env, name); ok {
		return value, true
	}
	return lookup(b.args, name)
}

func (b *recipeReader) Keys() []string {
	var names []string
	for _, v := range slices.Concat(b.args, b.env) {
		names = append(names, v.name)
	}
	return names
}

func (b *recipeReader) copy(command instructions.Command, from string, files instructions.SourcesAndDest) error {
	line := lineOf(command)
	s := step{line: line, kind: stepCopy, workdir: b.workdir, args: append(slices.Clone(files.SourcePaths), files.DestPath)}
	if strings.HasPrefix(files.DestPath, "/opt/extensions/") {
		return nil // the adapter: the sandbox starts the one that is built for this machine
	}
	if imageName(from) == "uv" { // an image that holds one program
		s.kind, s.args = stepPip, []string{"uv"}
		b.steps = append(b.steps, s)
		return nil
	}
	if from != "" {
		source, err := b.copySource(from)
		if err != nil {
			return fmt.Errorf("Dockerfile line %d: COPY --from=%s: %w", line, from, err)
		}
		if source == nil {
			return &UnsupportedError{line, "COPY --from=" + from + " takes files from another image"}
		}
		s.from = source
	}
	for _, source := range files.SourcePaths {
		if strings.Contains(source, "://") || strings.HasPrefix(source, "git@") {
			return &UnsupportedError{line, "ADD " + source + " downloads"}
		}
	}
	if len(files.SourceContents) > 0 {
		return &UnsupportedError{line, "COPY with a here-document makes files"}
	}
	b.steps = append(b.steps, s)
	return nil
}

// copySource is the earlier stage that COPY --from names or numbers; nil when there is none.
func (b *recipeReader) copySource(from string) (*recipe, error) {
	number, ok := instructions.HasStage(b.earlier, from)
	if !ok {
		n, err := strconv.Atoi(from)
		if err != nil || n < 0 || n >= len(b.earlier) {
			return nil, nil
		}
		number = n
	}
	return b.stage(number)
}

// run sorts the commands of a RUN line: those of the app's own language are carried out here, the rest
// belongs to the image's own system.
func (b *recipeReader) run(command instructions.Command, c *instructions.RunCommand) error {
	line := lineOf(command)
	if !c.PrependShell {
		return b.command(line, b.workdir, c.CmdLine, nil)
	}
	var branch branches
	workdir := b.workdir
	for _, text := range splitShell(strings.Join(c.CmdLine, " ")) {
		words, err := b.lex.ProcessWords(text, b)
		if err != nil {
			return fmt.Errorf("Dockerfile line %d: %w", line, err)
		}
		words, when := branch.next(words, workdir)
		if len(words) == 2 && words[0] == "cd" {
			workdir = join(workdir, words[1])
			continue
		}
		if err := b.command(line, workdir, words, when); err != nil {
			return err
		}
	}
	return nil
}

// command adds the step of one command of a RUN line.
func (b *recipeReader) command(line int, workdir string, words []string, when []condition) error {
	if len(words) == 0 {
		return nil
	}
	assigned, rest := assignments(words)
	kind, args := classify(rest)
	if kind == stepSkipped {
		if installsElsewhere(rest) {
			return &UnsupportedError{line, strings.Join(rest[:2], " ") + " installs the app's packages"}
		}
		args = words
	}
	env := slices.Clone(b.args) // a command sees ARG as it sees ENV
	for _, v := range slices.Concat(b.env, assigned) {
		env = set(env, v.name, v.value)
	}
	b.steps = append(b.steps, step{line: line, kind: kind, workdir: workdir, env: env, when: when, args: args})
	return nil
}

func (b *recipeReader) commandLine(c instructions.ShellDependantCmdLine) []string {
	if c.PrependShell {
		return append(slices.Clone(b.shell), strings.Join(c.CmdLine, " "))
	}
	return c.CmdLine
}

// commandLine is what a container would run: the entrypoint, then the command.
func (r *recipe) commandLine() []string {
	if len(r.entrypoint)+len(r.cmd) == 0 {
		return commandOfBase(r.base)
	}
	return slices.Concat(r.entrypoint, r.cmd)
}

// UnsupportedError is a Dockerfile line that only a real image build can carry out.
type UnsupportedError struct {
	Line int
	What string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("Dockerfile line %d: %s, which needs a real image build: run the app in containers, with MODE=container", e.Line, e.What)
}

var errNoCommand = errors.New("the Dockerfile has neither CMD nor ENTRYPOINT; add CMD with the line that starts the app, for example CMD [\"gunicorn\", \"app:app\"]")

func lineOf(c instructions.Command) int {
	if at := c.Location(); len(at) > 0 {
		return at[0].Start.Line
	}
	return 0
}

// join is the directory a path in a Dockerfile means, seen from the working directory.
func join(workdir, p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(workdir, p)
}

func lookup(list []variable, name string) (string, bool) {
	for _, v := range list {
		if v.name == name {
			return v.value, true
		}
	}
	return "", false
}

func set(list []variable, name, value string) []variable {
	for i := range list {
		if list[i].name == name {
			list[i].value = value
			return list
		}
	}
	return append(list, variable{name, value})
}
