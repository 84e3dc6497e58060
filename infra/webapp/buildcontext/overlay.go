package buildcontext

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// InstalledAdapter is where Lambda looks for external extensions
// (https://docs.aws.amazon.com/lambda/latest/dg/extensions-api-partners.html).
const InstalledAdapter = "/opt/extensions/lambda-adapter"

// instruction is all an app's image needs to run on Lambda. It stands at the end, so it belongs to
// the stage the image is made of, and COPY always writes as root, whatever USER says.
const instruction = "COPY " + Adapter + " " + InstalledAdapter

// Overlay returns the Dockerfile with the instruction that installs the adapter added to its last
// stage. Everything the Dockerfile says stays as it is.
func Overlay(dockerfile []byte) ([]byte, error) {
	own, err := parse(dockerfile)
	if err != nil {
		return nil, fmt.Errorf("is not a Dockerfile Docker can read: %w", err)
	}
	if !slices.ContainsFunc(own.AST.Children, isFrom) {
		return nil, errors.New("has no FROM instruction: it must make an image")
	}
	overlaid := appendLine(dockerfile, instruction)
	if adds(own, overlaid) {
		return overlaid, nil
	}
	// The last instruction waits for another line, which Docker lets pass at the end of a file.
	overlaid = appendLine(closeContinuation(dockerfile, own.EscapeToken), instruction)
	if adds(own, overlaid) {
		return overlaid, nil
	}
	return nil, errors.New("ends in the middle of an instruction: end its last line without a continuation character")
}

func isFrom(node *parser.Node) bool { return strings.EqualFold(node.Value, "FROM") }

func parse(dockerfile []byte) (*parser.Result, error) {
	return parser.Parse(bytes.NewReader(dockerfile))
}

func appendLine(text []byte, line string) []byte {
	var b bytes.Buffer
	b.Write(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString(line + "\n")
	return b.Bytes()
}

// adds reports whether overlaid is the app's own instructions, then ours.
func adds(own *parser.Result, overlaid []byte) bool {
	result, err := parse(overlaid)
	if err != nil {
		return false
	}
	was, is := own.AST.Children, result.AST.Children
	if len(is) != len(was)+1 || is[len(was)].Original != instruction {
		return false
	}
	return slices.EqualFunc(was, is[:len(was)], func(a, b *parser.Node) bool {
		return strings.TrimSpace(a.Original) == strings.TrimSpace(b.Original) && slices.Equal(a.Heredocs, b.Heredocs)
	})
}

// closeContinuation removes the continuation character of the last line that says something.
func closeContinuation(dockerfile []byte, escape rune) []byte {
	lines := strings.SplitAfter(string(dockerfile), "\n")
	for i, line := range slices.Backward(lines) {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' {
			continue
		}
		text = strings.TrimRight(line, " \t\r\n")
		lines[i] = strings.TrimSuffix(text, string(escape)) + "\n"
		break
	}
	return []byte(strings.Join(lines, ""))
}
