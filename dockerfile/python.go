package main

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// defaultPython is taken where the app names no version.
const defaultPython = "3.13"

// pythonApp knows Flask, Django and FastAPI.
func pythonApp(a app) (plan, bool, error) {
	project, err := readPyproject(a)
	if err != nil {
		return plan{}, true, err
	}
	requirements := a.first("requirements.txt", "requirements/production.txt", "requirements/prod.txt",
		"requirements/base.txt")
	if requirements == "" && project == nil {
		if a.has("manage.py") || a.has("Pipfile") || a.has("setup.py") {
			return plan{}, true,
				fmt.Errorf("%s is a Python app without a requirements.txt or pyproject.toml: its packages are "+
					"not known. "+
					"Write them down, for example: pip freeze > requirements.txt", a.path)
		}
		return plan{}, false, nil
	}
	packages := packageNames(a, requirements, project)
	server, err := findServer(a, packages)
	if err != nil {
		return plan{}, true, err
	}
	p := plan{kind: server.framework + " app", ignore: []string{"__pycache__", "*.pyc", ".venv", "venv", "env",
		".pytest_cache", ".mypy_cache",
		".ruff_cache", "*.sqlite3", "*.db", "instance"}}
	p.because("%s", server.why)
	pythonDockerfile(a, &p, requirements, project, packages, server)
	return p, true, nil
}

// pyproject is what is read of pyproject.toml (PEP 621, and Poetry's own table).
type pyproject struct {
	Project struct {
		Name           string   `toml:"name"`
		RequiresPython string   `toml:"requires-python"`
		Dependencies   []string `toml:"dependencies"`
	} `toml:"project"`
	BuildSystem *struct {
		Backend string `toml:"build-backend"`
	} `toml:"build-system"`
	Tool struct {
		Poetry *struct {
			Dependencies map[string]any `toml:"dependencies"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// readPyproject is nil where there is none, or none that names packages.
func readPyproject(a app) (*pyproject, error) {
	text := a.text("pyproject.toml")
	if text == "" {
		return nil, nil
	}
	var p pyproject
	if _, err := toml.Decode(text, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(a.path, "pyproject.toml"), err)
	}
	if p.Project.Name == "" && len(p.Project.Dependencies) == 0 && p.Tool.Poetry == nil {
		return nil, nil // settings of tools alone
	}
	return &p, nil
}

// requirementName is the name at the beginning of a requirement (PEP 508).
var requirementName = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)`)

// packageNames are the packages the app asks for by itself, normalised as PEP 503 says.
func packageNames(a app, requirements string, project *pyproject) map[string]bool {
	var lines []string
	read := map[string]bool{}
	var include func(name string)
	include = func(name string) {
		if name == "" || read[name] {
			return
		}
		read[name] = true
		for _, line := range strings.Split(a.text(name), "\n") {
			words := strings.Fields(line)
			if len(words) == 2 && (words[0] == "-r" || words[0] == "--requirement") {
				include(path.Join(path.Dir(name), words[1]))
				continue
			}
			lines = append(lines, line)
		}
	}
	include(requirements)
	if project != nil {
		lines = append(lines, project.Project.Dependencies...)
		if poetry := project.Tool.Poetry; poetry != nil {
			for name := range poetry.Dependencies {
				lines = append(lines, name)
			}
		}
	}
	names := map[string]bool{}
	for _, line := range lines {
		if m := requirementName.FindStringSubmatch(line); m != nil {
			names[strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(m[1]))] = true
		}
	}
	return names
}

// server is how a Python app is served.
type server struct {
	framework string
	why       string
	program   string   // gunicorn or uvicorn: the command and the package
	target    string   // MODULE:OBJECT
	factory   bool     // the object is a function that makes the app
	build     []string // further lines of the Dockerfile
}

func findServer(a app, packages map[string]bool) (server, error) {
	switch {
	case packages["django"] || a.has("manage.py"):
		return djangoServer(a)
	case packages["fastapi"]:
		return objectServer(a, "FastAPI", "uvicorn")
	case packages["flask"]:
		return objectServer(a, "Flask", "gunicorn")
	}
	return server{}, fmt.Errorf("%s is a Python app, but Flask, Django and FastAPI are not among its packages: "+
		"write a Dockerfile that starts its server on port %d", a.path, port)
}

var staticRoot = regexp.MustCompile(`(?m)^\s*STATIC_ROOT\s*=`)

var settingsModule = regexp.MustCompile(`DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]`)

func djangoServer(a app) (server, error) {
	m := settingsModule.FindStringSubmatch(a.text("manage.py"))
	if m == nil {
		return server{}, fmt.Errorf("%s uses Django, but no manage.py in it names DJANGO_SETTINGS_MODULE", a.path)
	}
	parent, _, _ := strings.Cut(m[1], ".settings")
	file := strings.ReplaceAll(parent, ".", "/") + "/wsgi.py"
	if !a.has(file) {
		return server{}, fmt.Errorf("%s uses Django with the settings %s, but there is no %s to serve", a.path,
			m[1], file)
	}
	s := server{framework: "Django", program: "gunicorn", target: parent + ".wsgi:application",
		why: fmt.Sprintf("manage.py names the settings %s, so gunicorn serves %s.wsgi", m[1], parent)}
	settings := a.text(strings.ReplaceAll(m[1], ".", "/") + ".py")
	if staticRoot.MatchString(settings) {
		s.build = []string{"RUN " + secretForBuild(settings) + "python manage.py collectstatic --noinput"}
		s.why += "; STATIC_ROOT is set, so the build collects the static files"
	}
	return s, nil
}

var secretKey = regexp.MustCompile(`environ(?:\.get)?\s*[\[(]\s*['"](\w*SECRET_KEY\w*)['"]|(?:env|config)(?:\.str)?\(\s*['"](\w*SECRET_KEY\w*)['"]`)

// secretForBuild gives the settings a secret they ask the environment for, in the one command that needs none.
func secretForBuild(settings string) string {
	if m := secretKey.FindStringSubmatch(settings); m != nil {
		return cmp.Or(m[1], m[2]) + "=not-used-by-the-build "
	}
	return ""
}

// madeByFactory is an object that one of the app's own functions makes.
var (
	madeByFactory = regexp.MustCompile(`(?m)^(app|application)\s*=\s*(?:\w+\.)?(?:create|make)_app\(`)
	factory       = regexp.MustCompile(`(?m)^def ((?:create|make)_app)\(([^)]*)\)`)
)

// served is what a server could take: objects, and functions that make one.
type served struct{ objects, factories, unusable []string }

func findServed(a app, class string) (s served) {
	object := regexp.MustCompile(`(?m)^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:\w+\.)?` + class + `\(`)
	for _, file := range a.sources(".py", 3) {
		text := a.text(file)
		for _, pattern := range []*regexp.Regexp{object, madeByFactory} {
			if m := pattern.FindStringSubmatch(text); m != nil {
				s.objects = append(s.objects, moduleOf(file)+":"+m[1])
			}
		}
		m := factory.FindStringSubmatch(text)
		switch {
		case m == nil || !strings.Contains(text, class+"("):
		case needsArguments(m[2]):
			s.unusable = append(s.unusable, moduleOf(file)+":"+m[1])
		default:
			s.factories = append(s.factories, moduleOf(file)+":"+m[1])
		}
	}
	return s
}

// objectServer finds the one object or factory that a WSGI or ASGI server takes.
func objectServer(a app, class, program string) (server, error) {
	found := findServed(a, class)
	s := server{framework: class, program: program}
	preferred := preferObject(found.objects)
	switch {
	case preferred != "":
		s.target, s.why = preferred, fmt.Sprintf("%s is the app's %s object, so %s serves it", preferred, class,
			program)
	case len(found.objects) > 1:
		return s, fmt.Errorf("%s has several %s objects (%s): which one to serve cannot be told; write a "+
			"Dockerfile with the one you mean",
			a.path, class, strings.Join(found.objects, ", "))
	case len(found.factories) == 1:
		s.target, s.factory = found.factories[0], true
		s.why = fmt.Sprintf("%s makes the app, so %s calls it", s.target, program)
	case len(found.factories) > 1:
		return s, fmt.Errorf("%s has several functions that make the app (%s): write a Dockerfile with the "+
			"one you mean",
			a.path, strings.Join(found.factories, ", "))
	case len(found.unusable) > 0:
		return s, fmt.Errorf("%s needs arguments, and which cannot be told: write a file wsgi.py with app = "+
			"create_app(...)", found.unusable[0])
	default:
		return s, fmt.Errorf("%s uses %s, but no file in it has an object made by %s(...) at its top level, "+
			"nor a function create_app", a.path, class, class)
	}
	return s, nil
}

// preferObject is the only object, or the one in the file that people keep for servers.
func preferObject(objects []string) string {
	objects = slices.Compact(slices.Sorted(slices.Values(objects)))
	if len(objects) == 1 {
		return objects[0]
	}
	for _, module := range []string{"wsgi", "asgi", "app", "main", "application"} {
		for _, object := range objects {
			if strings.HasPrefix(object, module+":") {
				return object
			}
		}
	}
	return ""
}

func moduleOf(file string) string {
	module := strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return strings.ReplaceAll(module, "/", ".")
}

// needsArguments tells of a function's parameters whether one of them has no default.
func needsArguments(parameters string) bool {
	for _, parameter := range strings.Split(parameters, ",") {
		parameter = strings.TrimSpace(parameter)
		if parameter != "" && !strings.Contains(parameter, "=") && !strings.HasPrefix(parameter, "*") &&
			parameter != "/" {
			return true
		}
	}
	return false
}
