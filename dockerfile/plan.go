package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// port is what the app is told to listen on where it can be told.
const port = 8080

// plan is what will be written, and why.
type plan struct {
	kind    string   // "Flask app", for people
	reasons []string // sentences: what was seen and what follows
	lines   []string // of the Dockerfile
	ignore  []string // of the .dockerignore, beside what everybody ignores
}

func (p *plan) because(format string, values ...any) {
	p.reasons = append(p.reasons, fmt.Sprintf(format, values...))
}

// add adds lines; an empty one separates groups.
func (p *plan) add(lines ...string) { p.lines = append(p.lines, lines...) }

func (p *plan) dockerfile() string { return strings.Join(p.lines, "\n") + "\n" }

// never are files that have no place in an image: version control, editors, secrets, and the build's own.
var never = []string{".git", ".gitignore", ".github", ".vscode", ".idea", ".DS_Store", ".env", ".env.*",
	"*.pem", "Dockerfile",
	".dockerignore", "compose*.y*ml", "docker-compose*.y*ml", "*.md", "!README.md"}

func (p *plan) dockerignore() string {
	return strings.Join(append(append([]string(nil), never...), p.ignore...), "\n") + "\n"
}

// execForm is a command as words, which no shell looks at: the server itself gets the signals.
func execForm(instruction string, words ...string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted) // Docker reads the exec form as JSON
	encoder.SetEscapeHTML(false)
	list := make([]string, len(words))
	for i, word := range words {
		quoted.Reset()
		_ = encoder.Encode(word) // a string always can be
		list[i] = strings.TrimSuffix(quoted.String(), "\n")
	}
	return instruction + " [" + strings.Join(list, ", ") + "]"
}
