package buildcontext

import (
	"strings"
	"testing"
)

func TestOverlayAddsOneLineAtTheEnd(t *testing.T) {
	const line = "COPY .lambda-web/lambda-adapter /opt/extensions/lambda-adapter\n"
	tests := []struct {
		name       string
		dockerfile string
		want       string
	}{
		{"one stage", "FROM scratch\nCMD [\"/app\"]\n", "FROM scratch\nCMD [\"/app\"]\n" + line},
		{"no newline at the end", "FROM scratch\nCMD [\"/app\"]", "FROM scratch\nCMD [\"/app\"]\n" + line},
		{"blank lines at the end", "FROM scratch\n\n\n", "FROM scratch\n\n\n" + line},
		{"comment at the end", "FROM scratch\n# done", "FROM scratch\n# done\n" + line},
		{"Windows line ends", "FROM scratch\r\nCMD [\"/app\"]\r\n", "FROM scratch\r\nCMD [\"/app\"]\r\n" + line},
		{"lower case", "from scratch\ncmd [\"/app\"]\n", "from scratch\ncmd [\"/app\"]\n" + line},
		{"the last stage counts", "FROM golang AS build\nRUN go build\nFROM scratch\nCOPY --from=build /app /app\n",
			"FROM golang AS build\nRUN go build\nFROM scratch\nCOPY --from=build /app /app\n" + line},
		{"arguments before FROM", "ARG BASE=python\nFROM ${BASE}\nUSER app\n",
			"ARG BASE=python\nFROM ${BASE}\nUSER app\n" + line},
		{"unknown instruction of a newer syntax", "# syntax=docker/dockerfile:9\nFROM scratch\nTELEPORT /a\n",
			"# syntax=docker/dockerfile:9\nFROM scratch\nTELEPORT /a\n" + line},
		{"heredoc at the end", "FROM alpine\nRUN <<EOF\necho hello\nEOF",
			"FROM alpine\nRUN <<EOF\necho hello\nEOF\n" + line},
		{"heredoc whose end is indented", "FROM alpine\nRUN <<-EOF\n\techo hello\n\tEOF",
			"FROM alpine\nRUN <<-EOF\n\techo hello\n\tEOF\n" + line},
		{"FROM inside a heredoc is text", "FROM alpine\nCOPY <<EOF /f\nFROM nowhere\nEOF\n",
			"FROM alpine\nCOPY <<EOF /f\nFROM nowhere\nEOF\n" + line},
		{"another escape character", "# escape=`\nFROM alpine\nRUN dir C:\\\n",
			"# escape=`\nFROM alpine\nRUN dir C:\\\n" + line},
		{"byte order mark", "\ufeffFROM scratch\n", "\ufeffFROM scratch\n" + line},
		{"continuation at the end", "FROM alpine\nRUN true \\\n", "FROM alpine\nRUN true \n" + line},
		{"continuation without newline", "FROM alpine\nRUN true \\", "FROM alpine\nRUN true \n" + line},
		{"continuation before blank lines and comments", "FROM alpine\nRUN true \\  \n\n  # why\n",
			"FROM alpine\nRUN true \n\n  # why\n" + line},
		{"continuation with another escape character", "# escape=`\nFROM alpine\nRUN true `\n",
			"# escape=`\nFROM alpine\nRUN true \n" + line},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Overlay([]byte(tt.dockerfile))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestOverlayRefusesWhatMakesNoImage(t *testing.T) {
	tests := []struct{ name, dockerfile, want string }{
		{"empty", "", "file with no instructions"},
		{"only comments", "# nothing\n", "file with no instructions"},
		{"no FROM", "RUN true\n", "has no FROM instruction"},
		{"heredoc without end", "FROM alpine\nRUN <<EOF\necho\n", "unterminated heredoc"},
		{"escape character of its own", "# escape=x\nFROM alpine\n", "invalid escape token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Overlay([]byte(tt.dockerfile))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, error %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}

// Whatever the Dockerfile: the overlay keeps every instruction and ends with ours, or says why not.
func FuzzOverlay(f *testing.F) {
	for _, seed := range []string{
		"FROM scratch", "FROM a\nRUN b \\\n", "FROM a\nRUN <<E\nE\n", "# escape=`\nFROM a\nRUN b `\n# c",
		"FROM a\nRUN \\\n#\n\\\n",
		"FROM a\nRUN <<A <<-B\nA\n\tB", "\ufeffFROM a\r\nCMD [\"x\"]\r\n", "FROM a\nONBUILD RUN <<E\nE",
		"FROM a\nHEALTHCHECK --interval=1s CMD x \\",
		"FROM a\nRUN b \\\\", "FROM a\nENV x=\"y\\\n", "#!/bin/x\nFROM a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dockerfile string) {
		got, err := Overlay([]byte(dockerfile))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		own, err := parse([]byte(dockerfile))
		if err != nil {
			t.Fatalf("the overlay of a Dockerfile that cannot be read: %v", err)
		}
		if !adds(own, got) {
			t.Errorf("%q became %q", dockerfile, got)
		}
		if !strings.HasSuffix(string(got), "\n"+instruction+"\n") {
			t.Errorf("the last line of %q is not ours", got)
		}
	})
}
