package main

import (
	"fmt"
	"regexp"
	"strings"
)

// servers are the versions that are installed where the app does not ask for the server itself.
var servers = map[string]string{"gunicorn": "gunicorn==23.*", "uvicorn": "uvicorn==0.*"}

// pythonDockerfile writes the image: packages first, for they change less often than the code.
func pythonDockerfile(a app, p *plan, requirements string, project *pyproject, packages map[string]bool, s server) {
	version, why := pythonVersion(a, project)
	p.because("%s", why)
	image := "python:" + version + "-slim"
	missing := ""
	if !packages[s.program] {
		missing = servers[s.program]
		p.because("%s is not among the app's packages, so the image installs %s", s.program, missing)
	}
	switch {
	case a.has("uv.lock") && project != nil:
		p.because("uv.lock is there, so uv installs exactly what it names")
		lockedPackages(p, image, "uv==0.*", "uv.lock", "uv sync --frozen --no-dev --no-install-project",
			missing, "uv pip install")
	case a.has("poetry.lock") && project != nil:
		p.because("poetry.lock is there, so Poetry installs exactly what it names")
		lockedPackages(p, image, "poetry==2.*", "poetry.lock",
			"poetry install --only main --no-root --no-interaction", missing,
			".venv/bin/python -m pip install --no-cache-dir")
	case requirements != "":
		p.because("%s names the packages, so pip installs them", requirements)
		requiredPackages(a, p, image, requirements, missing)
	default:
		p.because("pyproject.toml names the packages and there is no lock file: each build takes the newest that fit")
		projectPackages(p, image, project, missing)
	}
	p.add(s.build...)
	p.add("RUN python -m compileall -q .", "", "RUN useradd --create-home app", "USER app", "", "ENV PORT=8080",
		"EXPOSE 8080")
	p.because("the code is compiled in the build: Lambda's disk is read-only, and an app that compiles at " +
		"each start takes several times as long")
	p.add(execForm("CMD", s.command()...))
}

// command starts the server. gunicorn listens on 0.0.0.0:$PORT by itself.
func (s server) command() []string {
	switch {
	case s.program == "gunicorn" && s.factory:
		return []string{"gunicorn", "--access-logfile", "-", s.target + "()"}
	case s.program == "gunicorn":
		return []string{"gunicorn", "--access-logfile", "-", s.target}
	case s.factory:
		return []string{"uvicorn", "--factory", s.target, "--host", "0.0.0.0", "--port", "8080"}
	}
	return []string{"uvicorn", s.target, "--host", "0.0.0.0", "--port", "8080"}
}

const pythonSettings = "ENV PYTHONUNBUFFERED=1"

// requiredPackages installs a requirements file, alone where it stands alone.
func requiredPackages(a app, p *plan, image, requirements, missing string) {
	p.add("FROM "+image, "", pythonSettings, "WORKDIR /app", "")
	install := "RUN pip install --no-cache-dir -r " + requirements
	if missing != "" {
		install += " '" + missing + "'"
	}
	if local := regexp.MustCompile(`(?m)^\s*(-r|-c|-e|--requirement|--constraint|--editable|\.|/|file:)`); local.MatchString(a.text(requirements)) {
		p.because("%s takes other files of the app, so the app is copied before its packages are installed",
			requirements)
		p.add("COPY . .", install)
		return
	}
	target := "."
	if strings.Contains(requirements, "/") {
		target = requirements
	}
	p.add("COPY "+requirements+" "+target, install, "", "COPY . .")
}

// lockedPackages installs what a lock file names, in a stage of its own: the tool stays out of the image.
func lockedPackages(p *plan, image, tool, lock, install, missing, installMore string) {
	p.add("FROM "+image+" AS packages", "",
		"ENV POETRY_VIRTUALENVS_IN_PROJECT=true UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never",
		"WORKDIR /app",
		"RUN pip install --no-cache-dir '"+tool+"'",
		"COPY pyproject.toml "+lock+" ./",
		"RUN "+install)
	if missing != "" {
		p.add("RUN " + installMore + " '" + missing + "'")
	}
	p.add("", "FROM "+image, "", pythonSettings, `ENV PATH="/app/.venv/bin:$PATH"`, "WORKDIR /app",
		"COPY --from=packages /app/.venv .venv", "COPY . .")
}

// projectPackages installs the project itself, for only its build backend knows what belongs to it.
func projectPackages(p *plan, image string, project *pyproject, missing string) {
	p.add("FROM "+image, "", pythonSettings, "WORKDIR /app", "", "COPY . .")
	install := "RUN pip install --no-cache-dir ."
	if project.BuildSystem == nil { // not a package: a list of dependencies
		var quoted []string
		for _, dependency := range project.Project.Dependencies {
			quoted = append(quoted, "'"+strings.ReplaceAll(dependency, "'", `"`)+"'")
		}
		install = "RUN pip install --no-cache-dir " + strings.Join(quoted, " ")
	}
	if missing != "" {
		install += " '" + missing + "'"
	}
	p.add(install)
}

// onlyMinor are requirements that no other minor version meets: ==3.11.*, ~=3.11.2 (PEP 440), ~3.11 (Poetry).
var onlyMinor = regexp.MustCompile(`^\s*(==|~=\s*3\.\d+\.|~\s*3)`)

var minorVersion = regexp.MustCompile(`\b(3\.\d+)`)

// pythonVersion is the minor version the app names, else the newest that all servers know.
func pythonVersion(a app, project *pyproject) (version, why string) {
	for _, file := range []string{".python-version", "runtime.txt"} {
		if m := minorVersion.FindStringSubmatch(a.text(file)); m != nil {
			return m[1], fmt.Sprintf("%s asks for Python %s", file, m[1])
		}
	}
	if project != nil {
		asked := project.Project.RequiresPython
		if poetry := project.Tool.Poetry; asked == "" && poetry != nil {
			asked, _ = poetry.Dependencies["python"].(string)
		}
		if upper := regexp.MustCompile(`<\s*3\.(\d+)`).FindStringSubmatch(asked); upper != nil &&
			older("3."+upper[1], defaultPython) {
			version := fmt.Sprintf("3.%d", number(upper[1])-1)
			return version, fmt.Sprintf("pyproject.toml asks for Python %s, so %s is the newest that fits",
				asked, version)
		}
		if m := minorVersion.FindStringSubmatch(asked); m != nil {
			if onlyMinor.MatchString(asked) || older(defaultPython, m[1]) {
				return m[1], fmt.Sprintf("pyproject.toml asks for Python %s", asked)
			}
			return defaultPython, fmt.Sprintf("pyproject.toml asks for Python %s, which %s is", asked, defaultPython)
		}
	}
	return defaultPython, "nothing asks for a version of Python, so it is " + defaultPython
}

// older compares two minor versions.
func older(a, b string) bool {
	return number(strings.TrimPrefix(a, "3.")) < number(strings.TrimPrefix(b, "3."))
}

func number(digits string) (n int) {
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}
