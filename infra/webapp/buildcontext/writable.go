package buildcontext

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	finalstage "lambda-web/dockerfile/stage"
)

// Lambda's disk is read-only but for /tmp. A folder that the app writes to becomes a link below /tmp in the image, and
// what it held is kept elsewhere; the adapter copies it to where the link leads before the app starts. No command runs
// in the image for it: it may have no shell, and be for a processor that the builder is not. COPY does not put a link
// in the place of a folder, but ADD unpacks an archive that does.
//
// The adapter knows these paths too (adapter/internal/writable).
const (
	writableList    = "/opt/lambda-web/writable.txt"
	writableContent = "/opt/lambda-web/writable"
	writableTarget  = "/tmp/lambda-web"

	listFile  = Reserved + "/writable.txt"
	linksFile = Reserved + "/writable.tar"

	appStage      = "lambda-web-app"
	foldersStage  = "lambda-web-folders"
	writableStage = "lambda-web-writable"
)

// folderAllowed are paths that need no quotes in a Dockerfile.
var folderAllowed = regexp.MustCompile(`^(/[\pL\pN._+@-]+)+$`)

// notWritable are folders without which nothing starts.
var notWritable = []string{"/", "/bin", "/etc", "/lib", "/lib64", "/run", "/sbin", "/usr", "/usr/bin",
	"/usr/lib", "/usr/local", "/var"}

// WritableError lists folders that cannot be made writable, each with the reason and what to do.
type WritableError struct{ Problems []string }

func (e *WritableError) Error() string { return strings.Join(e.Problems, "; ") }

// WritableFolders returns the absolute paths of folders that may be relative to the WORKDIR of the image, sorted.
// Its error is a *WritableError.
func WritableFolders(dockerfile []byte, buildArgs map[string]string, folders []string) ([]string, error) {
	var paths, problems []string
	for _, folder := range folders {
		absolute, problem := absoluteFolder(dockerfile, buildArgs, folder)
		if problem == "" {
			problem = checkFolder(absolute)
		}
		if problem == "" && slices.ContainsFunc(paths, func(other string) bool { return overlap(absolute, other) }) {
			problem = "is in the list twice, or one of the two is inside of the other; leave the inner one out"
		}
		if problem != "" {
			problems = append(problems, fmt.Sprintf("%q %s", folder, problem))
			continue
		}
		paths = append(paths, absolute)
	}
	if len(problems) > 0 {
		return nil, &WritableError{problems}
	}
	slices.Sort(paths)
	return paths, nil
}

func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

func absoluteFolder(dockerfile []byte, buildArgs map[string]string, folder string) (absolute, problem string) {
	if path.IsAbs(folder) {
		return path.Clean(folder), ""
	}
	final, err := finalstage.Read(bytes.NewReader(dockerfile), buildArgs)
	switch {
	case err != nil:
		return "", fmt.Sprintf("is relative to the image's WORKDIR, which cannot be read from the Dockerfile "+
			"(%v); write the absolute path", err)
	case !final.HasWorkdir:
		return "", "is relative to the image's WORKDIR, and the Dockerfile sets none; write the absolute path"
	}
	return path.Join(final.Workdir, folder), ""
}

// checkFolder says why a folder cannot be replaced by a link, or nothing.
func checkFolder(absolute string) string {
	below := func(folders ...string) bool {
		return slices.ContainsFunc(folders, func(folder string) bool {
			return strings.HasPrefix(absolute+"/",
				folder+"/")
		})
	}
	switch {
	case below("/tmp"):
		return "is below /tmp, where everything can be written already; leave it out"
	case slices.Contains(notWritable, absolute), below("/opt", "/proc", "/dev", "/sys"):
		return "is " + absolute + " in the image, which must stay as it is; name a folder of the app"
	case !folderAllowed.MatchString(absolute):
		return "has characters that a path here cannot have; use letters, digits and . _ + @ -"
	}
	return ""
}

// makeWritable adds to an overlaid Dockerfile what makes folders writable. The last stage gets a name, for the image is
// made of a stage that is FROM it.
func makeWritable(dockerfile []byte, folders []string) ([]byte, error) {
	if len(folders) == 0 {
		return dockerfile, nil
	}
	named, name, err := nameLastStage(dockerfile)
	if err != nil {
		return nil, err
	}
	lines := []string{"FROM " + name + " AS " + foldersStage}
	for _, folder := range folders {
		lines = append(lines, "WORKDIR "+folder) // makes it, if the image has no such folder
	}
	lines = append(lines, "FROM scratch AS "+writableStage, "COPY "+listFile+" "+writableList)
	for _, folder := range folders {
		lines = append(lines, fmt.Sprintf("COPY --from=%s %s %s/", foldersStage, folder, writableContent+folder))
	}
	lines = append(lines, "FROM "+name, "COPY --from="+writableStage+" / /", "ADD "+linksFile+" /")
	return appendLine(named, strings.Join(lines, "\n")), nil
}

// nameLastStage returns the Dockerfile with a name for its last stage, which is the one it has.
func nameLastStage(dockerfile []byte) (named []byte, name string, err error) {
	own, err := parse(dockerfile)
	if err != nil {
		return nil, "", err
	}
	var last *parser.Node
	for _, node := range own.AST.Children {
		if isFrom(node) {
			last = node
		}
	}
	words := strings.Fields(last.Original)
	if n := len(words); n > 2 && strings.EqualFold(words[n-2], "AS") {
		return dockerfile, words[n-1], nil
	}
	lines := strings.SplitAfter(string(dockerfile), "\n")
	line := &lines[last.EndLine-1]
	text := strings.TrimRight(*line, " \t\r\n")
	*line = text + " AS " + appStage + (*line)[len(text):]
	named = []byte(strings.Join(lines, ""))
	again, err := parse(named)
	if err != nil || len(again.AST.Children) != len(own.AST.Children) {
		return nil, "", errors.New("has a FROM that cannot be given a name; write FROM image AS name in one line")
	}
	return named, appStage, nil
}

// writableFiles are the list for the adapter and the archive of links.
func writableFiles(folders []string) (list, links []byte, err error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, folder := range folders {
		list = append(list, folder+"\n"...)
		err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(folder, "/"), Linkname: writableTarget + folder,
			Mode: 0o777, Format: tar.FormatPAX,
		})
		if err != nil {
			return nil, nil, err
		}
	}
	err = w.Close()
	return list, archive.Bytes(), err
}

// fillWritable writes what the Dockerfile needs of folders that can be written.
func (src Source) fillWritable(dir string) error {
	if len(src.Writable) == 0 {
		return nil
	}
	dockerfile, err := os.ReadFile(filepath.Join(src.App, filepath.FromSlash(src.Dockerfile)))
	if err != nil {
		return err
	}
	folders, err := WritableFolders(dockerfile, src.BuildArgs, src.Writable)
	if err != nil {
		return err
	}
	list, links, err := writableFiles(folders)
	if err != nil {
		return fmt.Errorf("make the links of writable folders: %w", err)
	}
	if err := writeFile(filepath.Join(dir, listFile), list); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, linksFile), links)
}
