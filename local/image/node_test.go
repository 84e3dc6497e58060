package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// needNPM skips a test where there is no Node.js.
func needNPM(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not on the PATH: install Node.js to run this test")
	}
}

// runs starts an image and returns what it prints.
func runs(t *testing.T, src Source) string {
	t.Helper()
	img, err := Prepare(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(img.Command[0], img.Command[1:]...)
	command.Dir = img.Dir
	command.Env = append(os.Environ(), list(img.Env)...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", img.Command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The ways in which Dockerfiles install Node packages and build with them.
func TestNodeDockerfiles(t *testing.T) {
	needNPM(t)
	t.Setenv("npm_config_registry", serveRegistry(t))
	t.Setenv("npm_config_cache", t.TempDir())
	const app = `{"name":"app","version":"1.0.0","scripts":{"build":"cp source.js built.js"},"dependencies":{"greeting":"1.0.0"},"devDependencies":{"builder":"1.0.0"}}`
	const here = `const has = (name) => { try { return require(name) } catch { return 'no ' + name } }; console.log(has('greeting'), has('builder'))`
	cache := t.TempDir() // one for all, as on a user's machine
	for _, test := range []struct{ name, dockerfile, packageJSON, want string }{
		{"all packages", "RUN npm install\nCOPY . .\nCMD [\"node\", \"source.js\"]\n", app, "hello bricks"},
		{"those of production alone", "RUN npm install --omit=dev\nCOPY . .\nCMD [\"node\", \"source.js\"]\n", app, "hello no builder"},
		{"those of production, by NODE_ENV", "ENV NODE_ENV=production\nRUN npm install\nCOPY . .\nCMD [\"node\", \"source.js\"]\n", app, "hello no builder"},
		{"build, then prune", "RUN npm install\nCOPY . .\nRUN npm run build\nRUN npm prune --omit=dev\nCMD [\"node\", \"built.js\"]\n", app, "hello no builder"},
		{"three stages", "RUN npm install\nFROM node AS builder\nWORKDIR /app\nCOPY --from=deps /app/node_modules ./node_modules\nCOPY . .\nRUN npm run build\n" +
			"FROM node\nWORKDIR /srv\nCOPY --from=builder /app/built.js ./\nCOPY --from=deps /app/node_modules ./node_modules\nCMD [\"node\", \"built.js\"]\n", app, "hello bricks"},
		{"packages of production beside the files of a build", "RUN npm install\nCOPY . .\nRUN npm run build\nFROM node\nWORKDIR /srv\nCOPY package.json .\nRUN npm install --omit=dev\n" +
			"COPY --from=deps /app/built.js ./\nCMD [\"node\", \"built.js\"]\n", app, "hello no builder"},
		{"a folder of a stage that lands on shared packages", "RUN npm install\nCOPY . .\nRUN npm run build\nFROM node\nWORKDIR /srv\nCOPY package.json .\nRUN npm install --omit=dev\n" +
			"COPY --from=deps /app ./\nCMD [\"node\", \"built.js\"]\n", app, "hello bricks"},
		{"a script that needs the app's files", "COPY . .\nRUN npm install\nCMD [\"node\", \"source.js\"]\n",
			strings.Replace(app, `"build"`, `"postinstall":"node -e \"require('fs').statSync('source.js')\"","build"`, 1), "hello bricks"},
		{"a package that is a folder of the app", "COPY . .\nRUN npm install\nCMD [\"node\", \"source.js\"]\n",
			strings.Replace(app, `"builder":"1.0.0"`, `"builder":"file:./own"`, 1), "hello stones"},
		{"a program for all", "RUN npm install\nRUN npm install -g runner\nCOPY . .\nCMD [\"runner\", \"source.js\"]\n", app, "runner: source.js"},
		{"pnpm, which is not on this machine", "RUN corepack enable && pnpm install --frozen-lockfile\nCOPY . .\nCMD [\"node\", \"source.js\"]\n",
			strings.Replace(app, `{`, `{"packageManager":"pnpm@9.9.9+sha512.abc",`, 1), "pnpm 9.9.9: install --frozen-lockfile no builder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.HasPrefix(test.name, "pnpm") {
				t.Setenv("PATH", onlyNPM(t))
			}
			src := source(t, "FROM node AS deps\nWORKDIR /app\nCOPY package.json ./\n"+test.dockerfile)
			src.Cache, src.Tag = cache, strings.ReplaceAll(test.name, " ", "-")
			write(t, src.Context, "package.json", test.packageJSON)
			write(t, src.Context, "source.js", here)
			write(t, src.Context, "own/package.json", `{"name":"builder","version":"1.0.0","main":"index.js"}`)
			write(t, src.Context, "own/index.js", "module.exports = 'stones'")
			before := runs(t, src)
			if before != test.want {
				t.Errorf("the app says %q, want %q", before, test.want)
			}
			src.Tag += "-again" // the same packages for other files: the cache must be as it was
			if again := runs(t, src); again != before {
				t.Errorf("another image of the same packages says %q, want %q", again, before)
			}
		})
	}
}

// onlyNPM is a search path with node and npm, and the programs they need.
func onlyNPM(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"node", "npm", "sh", "cp"} {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serveRegistry is a package registry with what these tests install.
// https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
func serveRegistry(t *testing.T) string {
	t.Helper()
	packages := map[string]map[string]string{
		"greeting": {"package.json": `{"name":"greeting","version":"1.0.0","main":"index.js"}`, "index.js": "module.exports = 'hello'"},
		"builder":  {"package.json": `{"name":"builder","version":"1.0.0","main":"index.js"}`, "index.js": "module.exports = 'bricks'"},
		"runner": {
			"package.json": `{"name":"runner","version":"1.0.0","bin":{"runner":"run.js"}}`,
			"run.js":       "#!/usr/bin/env node\nconsole.log('runner: ' + require('path').basename(process.argv[2]))\n",
		},
		"pnpm": { // installs one package that says how it was called
			"package.json": `{"name":"pnpm","version":"9.9.9","bin":{"pnpm":"run.js"}}`,
			"run.js": "#!/usr/bin/env node\nconst fs = require('fs')\nfs.mkdirSync('node_modules/greeting', {recursive: true})\n" +
				"fs.writeFileSync('node_modules/greeting/index.js', 'module.exports = ' + JSON.stringify('pnpm 9.9.9: ' + process.argv.slice(2).join(' ')))\n",
		},
	}
	archives := map[string][]byte{}
	for name, files := range packages {
		archives[name] = packed(t, files)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(path.Base(r.URL.Path), ".tgz")
		archive, ok := archives[name]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".tgz"):
			w.Write(archive)
		default:
			var version map[string]any
			json.Unmarshal([]byte(packages[name]["package.json"]), &version)
			sum := sha512.Sum512(archive)
			version["dist"] = map[string]string{
				"tarball":   "http://" + r.Host + "/" + name + ".tgz",
				"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
			}
			number := version["version"].(string)
			json.NewEncoder(w).Encode(map[string]any{
				"name": name, "dist-tags": map[string]string{"latest": number}, "versions": map[string]any{number: version},
			})
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	compressed := gzip.NewWriter(&b)
	archive := tar.NewWriter(compressed)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		archive.Write([]byte(text))
	}
	archive.Close()
	compressed.Close()
	return b.Bytes()
}
