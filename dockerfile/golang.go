package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// goApp knows a module with one program.
func goApp(a app) (plan, bool, error) {
	module := a.text("go.mod")
	if module == "" {
		return plan{}, false, nil
	}
	program, err := mainPackage(a)
	if err != nil {
		return plan{}, true, err
	}
	p := plan{kind: "Go program", ignore: []string{"bin", "*_test.go", "*.test"}}
	version := "1"
	if m := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(module); m != nil {
		version = m[1]
		p.because("go.mod asks for Go %s", version)
	}
	p.because("%s is the one program; it is built without cgo, so that the image needs nothing but it", program)
	files := "go.mod"
	if a.has("go.sum") {
		files += " go.sum"
	}
	p.add("FROM golang:"+version+" AS build", "", "WORKDIR /src", "COPY "+files+" ./", "RUN go mod download",
		"COPY . .",
		`RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/server `+program, "",
		"FROM gcr.io/distroless/static-debian12:nonroot", "", "WORKDIR /app", "COPY --from=build /out/server /server")
	for _, folder := range readAtRunTime(a) {
		p.because("the program reads %s when it runs, so the image has it", folder)
		p.add("COPY " + folder + " " + folder)
	}
	p.add("", fmt.Sprintf("ENV PORT=%d", port), fmt.Sprintf("EXPOSE %d", goPort(a, &p)), execForm("ENTRYPOINT",
		"/server"))
	return p, true, nil
}

var packageMain = regexp.MustCompile(`(?m)^package main\b`)

func mainPackage(a app) (string, error) {
	var found []string
	for _, file := range a.sources(".go", 3) {
		text := a.text(file)
		if strings.HasSuffix(file, "_test.go") || !packageMain.MatchString(text) || !strings.Contains(text,
			"\nfunc main()") ||
			strings.Contains(text, "//go:build ignore") {
			continue
		}
		folder := path.Dir(file)
		if folder != "." {
			folder = "./" + folder
		}
		if !slices.Contains(found, folder) {
			found = append(found, folder)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("%s is a Go module without a program: no package main with a func main", a.path)
	case len(found) == 1:
		return found[0], nil
	case slices.Contains(found, "."):
		return ".", nil
	}
	return "", fmt.Errorf("%s has several programs (%s): which one to serve cannot be told; write a "+
		"Dockerfile with the one you mean",
		a.path, strings.Join(found, ", "))
}

// readAtRunTime are folders of pages and files that the program has not embedded.
func readAtRunTime(a app) (folders []string) {
	var sources strings.Builder
	for _, file := range a.sources(".go", 3) {
		sources.WriteString(a.text(file))
	}
	for _, folder := range []string{"templates", "views", "static", "public", "assets", "web"} {
		embedded := regexp.MustCompile(`(?m)^//go:embed\b.*\b` + folder + `\b`).MatchString(sources.String())
		named := regexp.MustCompile("[\"`](?:\\./)?" + folder + "\\b").MatchString(sources.String())
		if a.hasFolder(folder) && named && !embedded {
			folders = append(folders, folder)
		}
	}
	return folders
}

var goListens = regexp.MustCompile(`(?:ListenAndServe|\.Run|\.Start|Addr:|net\.Listen\("tcp",)\s*\(?\s*"[\w.]*:(\d{2,5})"`)

func goPort(a app, p *plan) int {
	for _, file := range a.sources(".go", 3) {
		if strings.Contains(a.text(file), `"PORT"`) {
			p.because("%s asks for PORT, so it is told %d", file, port)
			return port
		}
	}
	for _, file := range a.sources(".go", 3) {
		if m := goListens.FindStringSubmatch(a.text(file)); m != nil {
			p.because("%s listens on port %s whatever PORT says", file, m[1])
			return number(m[1])
		}
	}
	return port
}
