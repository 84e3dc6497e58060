package image

import (
	"path"
	"slices"
	"strings"
)

// splitShell cuts a shell line at &&, ; and line ends. Quotes hold a part together.
func splitShell(text string) []string {
	var parts []string
	var quote rune
	start := 0
	cut := func(end, next int) {
		if part := strings.TrimSpace(text[start:end]); part != "" {
			parts = append(parts, part)
		}
		start = next
	}
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';' || c == '\n':
			cut(i, i+1)
		case c == '&' && strings.HasPrefix(text[i:], "&&"):
			cut(i, i+2)
		}
	}
	cut(len(text), len(text))
	return parts
}

// branches follows "if [ -f FILE ]; then ...; elif ...; else ...; fi" through the commands of a shell line.
type branches []branch

type branch struct {
	failed  []condition // what earlier branches asked for, turned round
	current []condition
	unknown []string // a question that cannot be answered here
}

// condition asks whether the image has a file.
type condition struct {
	file  string
	there bool
}

// next takes the next piece of a line and returns the command in it, if any, with its conditions. A
// command under a question that is not about files keeps the question's words, so that it is not run.
func (b *branches) next(words []string, workdir string) ([]string, []condition) {
	if len(words) == 0 {
		return nil, nil
	}
	last := len(*b) - 1
	switch {
	case words[0] == "if":
		*b = append(*b, branch{})
		(*b)[last+1].ask(words[1:], workdir)
		return nil, nil
	case last < 0:
		return words, nil
	case words[0] == "elif":
		(*b)[last].turn()
		(*b)[last].ask(words[1:], workdir)
		return nil, nil
	case words[0] == "fi":
		*b = (*b)[:last]
		return nil, nil
	case words[0] == "else":
		(*b)[last].turn()
		words = words[1:]
	case words[0] == "then":
		words = words[1:]
	}
	var when []condition
	for _, level := range *b {
		when = append(append(when, level.failed...), level.current...)
		if level.unknown != nil && len(words) > 0 {
			words = append(slices.Clone(level.unknown), words...)
		}
	}
	return words, when
}

func (b *branch) ask(question []string, workdir string) {
	words := slices.DeleteFunc(slices.Clone(question), func(w string) bool { return w == "[" || w == "]" || w == "test" })
	there := true
	if len(words) > 0 && words[0] == "!" {
		words, there = words[1:], false
	}
	if len(words) != 2 || !slices.Contains([]string{"-f", "-e", "-d", "-s", "-r"}, words[0]) {
		b.unknown = append([]string{"if"}, question...)
		return
	}
	b.current = []condition{{join(workdir, words[1]), there}}
}

func (b *branch) turn() {
	for _, c := range b.current {
		b.failed = append(b.failed, condition{c.file, !c.there})
	}
	b.current = nil
}

// assignments splits NAME=VALUE words off the front of a command. What a program is built for is this
// machine here, so Go's target is left out.
func assignments(words []string) (vars []variable, rest []string) {
	for i, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || strings.ContainsAny(name, "/-. ") {
			return vars, words[i:]
		}
		if name != "GOOS" && name != "GOARCH" {
			vars = append(vars, variable{name, value})
		}
	}
	return vars, nil
}

// languageTools are the programs whose RUN lines are about the app and not about the image's system.
var languageTools = []string{
	"python", "python3", "flask", "django-admin", "uv", "node", "npm", "npx", "yarn", "pnpm", "go", "mvn", "mvnw", "gradle", "gradlew",
}

// classify finds the kind of a command and the words that matter to it.
func classify(words []string) (stepKind, []string) {
	if len(words) == 0 {
		return stepSkipped, words
	}
	if install, ok := pipInstall(words); ok {
		return stepPip, install
	}
	if slices.ContainsFunc(words, isShellSyntax) {
		return stepSkipped, words
	}
	if folders, ok := makesFolders(words); ok {
		return stepFolder, folders
	}
	program := path.Base(words[0])
	switch {
	case installsNodePackages(program, words[1:]):
		return stepNode, append([]string{program}, words[1:]...)
	case slices.Contains(languageTools, program):
		if strings.HasPrefix(words[0], ".") { // a program of the app, such as ./mvnw
			program = words[0]
		}
		return stepTool, append([]string{program}, words[1:]...)
	}
	return stepSkipped, words
}

// installsElsewhere recognises package managers of apps that are not carried out here: without the packages the
// app would not start.
func installsElsewhere(words []string) bool {
	if len(words) < 2 {
		return false
	}
	programs := []string{"poetry", "pipenv", "pdm", "conda", "mamba", "bun", "composer", "bundle"}
	return slices.Contains(programs, path.Base(words[0])) && slices.Contains([]string{"install", "sync", "create"}, words[1])
}

// isShellSyntax finds words that only a shell would understand.
func isShellSyntax(word string) bool {
	return word == "|" || word == "||" || word == "&" || strings.ContainsAny(word, "<>`") && !strings.ContainsAny(word, "=")
}

// pipInstall recognises "pip install ..." in its usual spellings, and "pip wheel ...", and returns what
// follows.
func pipInstall(words []string) ([]string, bool) {
	program := path.Base(words[0])
	switch {
	case strings.HasPrefix(program, "python") && len(words) > 2 && words[1] == "-m":
		words, program = words[2:], words[2]
	case program == "uv" && len(words) > 1:
		words, program = words[1:], words[1]
	}
	if !strings.HasPrefix(program, "pip") || strings.HasPrefix(program, "pipenv") {
		return nil, false
	}
	install := slices.IndexFunc(words, func(w string) bool { return w == "install" || w == "wheel" })
	if install < 0 {
		return nil, false
	}
	return words[install+1:], true
}

// makesFolders recognises mkdir, and virtual environments, whose packages are elsewhere here, and returns
// the folders.
func makesFolders(words []string) ([]string, bool) {
	program := path.Base(words[0])
	switch {
	case program == "mkdir" || program == "virtualenv":
		words = words[1:]
	case strings.HasPrefix(program, "python") && len(words) > 3 && words[1] == "-m" && words[2] == "venv":
		words = words[3:]
	case program == "uv" && len(words) > 2 && words[1] == "venv":
		words = words[2:]
	default:
		return nil, false
	}
	folders := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "-") })
	return folders, len(folders) > 0
}
