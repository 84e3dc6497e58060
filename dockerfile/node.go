package main

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// defaultNode is the long-term release that is taken where the app names none.
const defaultNode = "22"

// packageJSON is what is read of package.json.
type packageJSON struct {
	Main            string            `json:"main"`
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
	Engines         map[string]string `json:"engines"`
	PackageManager  string            `json:"packageManager"`
}

// nodeApp knows Express and what starts alike, Next.js, and sites that Vite builds.
func nodeApp(a app) (plan, bool, error) {
	text := a.text("package.json")
	if text == "" {
		return plan{}, false, nil
	}
	var pkg packageJSON
	if err := json.Unmarshal([]byte(text), &pkg); err != nil {
		return plan{}, true, fmt.Errorf("%s: %w", path.Join(a.path, "package.json"), err)
	}
	install, err := lockFile(a, pkg)
	if err != nil {
		return plan{}, true, err
	}
	p := plan{ignore: []string{"node_modules", "npm-debug.log*", ".next", "dist", "coverage"}}
	version, why := nodeVersion(a, pkg)
	p.because("%s", why)
	p.because("%s", install.why)
	image := "node:" + version + "-slim"
	switch {
	case pkg.Dependencies["next"] != "":
		p.kind = "Next.js app"
		nextDockerfile(a, &p, image, install)
		return p, true, nil
	case pkg.Scripts["build"] != "" && (pkg.DevDependencies["vite"] != "" || pkg.Dependencies["vite"] != "") &&
		pkg.Scripts["start"] == "":
		p.kind = "static site built by Vite"
		p.because("Vite writes the site to dist, and nginx serves it")
		p.add("FROM "+image+" AS build", "", "WORKDIR /app", "COPY "+install.files+" ./", "RUN "+install.all,
			"COPY . .",
			"RUN "+install.run+" build", "")
		serveStatic(&p, "--from=build /app/dist")
		return p, true, nil
	}
	start, err := startCommand(a, pkg)
	if err != nil {
		return plan{}, true, err
	}
	p.kind = "Node.js app"
	if pkg.Dependencies["express"] != "" {
		p.kind = "Express app"
	}
	p.because("%s", start.why)
	serverDockerfile(a, &p, image, pkg, install, start)
	return p, true, nil
}

// installer is the one package manager whose lock file is there.
type installer struct {
	why        string
	files      string // what it needs to see
	all        string // installs everything
	production string // installs what runs
	prune      string // leaves what runs
	run        string // runs a script
}

func lockFile(a app, pkg packageJSON) (installer, error) {
	found := []string{}
	for _, name := range []string{"package-lock.json", "yarn.lock", "pnpm-lock.yaml"} {
		if a.has(name) {
			found = append(found, name)
		}
	}
	if len(found) > 1 {
		return installer{},
			fmt.Errorf("%s has the lock files of several package managers (%s): delete those that are not used",
				a.path, strings.Join(found, ", "))
	}
	if len(found) == 0 {
		return installer{},
			fmt.Errorf("%s has a package.json without a lock file: run npm install once and keep its "+
				"package-lock.json, "+
				"so that each build takes the same packages", a.path)
	}
	switch name := found[0]; name {
	case "yarn.lock":
		if a.has(".yarnrc.yml") || strings.HasPrefix(pkg.PackageManager, "yarn@") &&
			!strings.HasPrefix(pkg.PackageManager, "yarn@1.") {
			return installer{why: "yarn.lock is one of Yarn 2 or newer, which corepack brings",
				files:      "package.json yarn.lock " + yarnFiles(a),
				all:        "corepack enable && yarn install --immutable",
				production: "corepack enable && yarn workspaces focus --production",
				prune:      "yarn workspaces focus --production", run: "yarn run"}, nil
		}
		return installer{why: "yarn.lock is there, so Yarn installs exactly what it names",
			files: "package.json yarn.lock",
			all:   "yarn install --frozen-lockfile", production: "yarn install --frozen-lockfile --production",
			prune: "yarn install --frozen-lockfile --production", run: "yarn run"}, nil
	case "pnpm-lock.yaml":
		return installer{why: "pnpm-lock.yaml is there, so pnpm installs exactly what it names",
			files: "package.json pnpm-lock.yaml",
			all:   "npm install --global " + pnpmVersion(pkg) + " && pnpm install --frozen-lockfile", run: "pnpm run",
			production: "npm install --global " + pnpmVersion(pkg) +
				" && pnpm install --frozen-lockfile --prod", prune: "CI=true pnpm prune --prod"}, nil
	default:
		return installer{why: name + " is there, so npm installs exactly what it names",
			files: "package.json package-lock.json",
			all:   "npm ci", production: "npm ci --omit=dev", prune: "npm prune --omit=dev", run: "npm run"}, nil
	}
}

func yarnFiles(a app) string {
	if a.has(".yarnrc.yml") {
		return ".yarnrc.yml"
	}
	return ""
}

// pnpmVersion is the version package.json asks for (without the hash of its archive), else a major one.
func pnpmVersion(pkg packageJSON) string {
	if version, ok := strings.CutPrefix(pkg.PackageManager, "pnpm@"); ok {
		version, _, _ = strings.Cut(version, "+")
		return "pnpm@" + version
	}
	return "pnpm@9"
}

// nodeVersion is the major version the app names.
func nodeVersion(a app, pkg packageJSON) (version, why string) {
	major := regexp.MustCompile(`\d+`)
	for _, file := range []string{".nvmrc", ".node-version"} {
		if m := major.FindString(a.text(file)); m != "" {
			return m, fmt.Sprintf("%s asks for Node.js %s", file, m)
		}
	}
	asked := pkg.Engines["node"]
	m := major.FindString(asked)
	switch {
	case m == "":
		return defaultNode, "nothing asks for a version of Node.js, so it is " + defaultNode
	case strings.HasPrefix(asked, ">") && number(m) < number(defaultNode) && !strings.Contains(asked, "<"):
		return defaultNode, fmt.Sprintf("package.json asks for Node.js %s, which %s is", asked, defaultNode)
	}
	return m, fmt.Sprintf("package.json asks for Node.js %s", asked)
}

// start is what runs the server.
type start struct {
	words []string
	file  string // the server's own file, "" where a script decides
	why   string
}

var nodeCommand = regexp.MustCompile(`^node ((?:--[\w=-]+ )*)([\w./-]+)$`)

func startCommand(a app, pkg packageJSON) (start, error) {
	script := strings.Join(strings.Fields(pkg.Scripts["start"]), " ")
	if m := nodeCommand.FindStringSubmatch(script); m != nil {
		return start{words: append(append([]string{"node"}, strings.Fields(m[1])...), m[2]), file: m[2],
			why: fmt.Sprintf("the start script is %q; node runs without npm in between, so that it gets the "+
				"signals", script)}, nil
	}
	if script != "" {
		return start{words: []string{"npm", "start"}, why: fmt.Sprintf("the start script is %q, which npm runs",
			script)}, nil
	}
	if file := pkg.Main; file != "" && a.has(path.Clean(file)) {
		return start{words: []string{"node", path.Clean(file)}, file: file, why: "package.json names " + file +
			" and no start script"}, nil
	}
	if file := a.first("server.js", "app.js", "index.js"); file != "" {
		return start{words: []string{"node", file}, file: file, why: "there is no start script; " + file +
			" is what people start"}, nil
	}
	return start{},
		fmt.Errorf("%s has a package.json without a start script, and no server.js, app.js or index.js: add a "+
			"start script", a.path)
}

func serverDockerfile(a app, p *plan, image string, pkg packageJSON, install installer, s start) {
	listens := listensOn(a, p)
	if pkg.Scripts["build"] != "" {
		p.because("there is a build script, so the app is built in a stage of its own and only what runs is kept")
		p.add("FROM "+image+" AS build", "", "WORKDIR /app", "COPY "+install.files+" ./", "RUN "+install.all,
			"COPY . .",
			"RUN "+install.run+" build && "+install.prune, "", "FROM "+image, "", "ENV NODE_ENV=production",
			"WORKDIR /app",
			"COPY --from=build /app .")
	} else {
		p.add("FROM "+image, "", "ENV NODE_ENV=production", "WORKDIR /app", "", "COPY "+install.files+" ./",
			"RUN "+install.production, "", "COPY . .")
	}
	p.add("", "USER node", "", fmt.Sprintf("ENV PORT=%d", listens), fmt.Sprintf("EXPOSE %d", listens),
		execForm("CMD", s.words...))
}

var fixedPort = regexp.MustCompile(`\.listen\(\s*(\d{2,5})\b|\bport\s*[:=]\s*(\d{2,5})\b`)

// listensOn is the port the app listens on: the one it is told, unless it never asks.
func listensOn(a app, p *plan) int {
	for _, ending := range []string{".js", ".mjs", ".cjs", ".ts"} {
		for _, file := range a.sources(ending, 3) {
			if strings.Contains(a.text(file), "env.PORT") || strings.Contains(a.text(file), `env["PORT"]`) {
				p.because("%s asks for PORT, so it is told %d", file, port)
				return port
			}
		}
	}
	for _, ending := range []string{".js", ".mjs", ".cjs", ".ts"} {
		for _, file := range a.sources(ending, 3) {
			if m := fixedPort.FindStringSubmatch(a.text(file)); m != nil {
				fixed, _ := strconv.Atoi(m[1] + m[2])
				p.because("%s listens on port %d whatever PORT says", file, fixed)
				return fixed
			}
		}
	}
	return port
}

var standalone = regexp.MustCompile(`output\s*:\s*['"]standalone['"]`)

func nextDockerfile(a app, p *plan, image string, install installer) {
	config := a.text(a.first("next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs"))
	p.add("FROM "+image+" AS build", "", "ENV NEXT_TELEMETRY_DISABLED=1", "WORKDIR /app", "COPY "+install.files+" ./",
		"RUN "+install.all, "COPY . .", "RUN "+install.run+" build")
	last := []string{"", "FROM " + image, "",
		fmt.Sprintf("ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 HOSTNAME=0.0.0.0 PORT=%d", port),
		"WORKDIR /app"}
	public := func(from string) {
		if a.hasFolder("public") {
			p.add("COPY --from=build /app/public " + from)
		}
	}
	if standalone.MatchString(config) {
		p.because("next.config has output: standalone, so the image holds only the files that the server needs")
		p.add(last...)
		p.add("COPY --from=build /app/.next/standalone ./", "COPY --from=build /app/.next/static ./.next/static")
		public("./public")
		p.add("", "USER node", fmt.Sprintf("EXPOSE %d", port), execForm("CMD", "node", "server.js"))
		return
	}
	p.because("next.config has no output: standalone, so the image keeps node_modules; with it the image is " +
		"several times smaller")
	p.lines[len(p.lines)-1] += " && " + install.prune
	p.add(last...)
	p.add("COPY --from=build /app/package.json ./", "COPY --from=build /app/node_modules ./node_modules",
		"COPY --from=build /app/.next ./.next")
	if name := a.first("next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs"); name != "" {
		p.add("COPY --from=build /app/" + name + " ./")
	}
	public("./public")
	p.add("", "USER node", fmt.Sprintf("EXPOSE %d", port), execForm("CMD", "node",
		"node_modules/next/dist/bin/next", "start"))
}
