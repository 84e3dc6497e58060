package monitor

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lambda-web/local/process"
	"lambda-web/local/sandbox"
)

// followWrites says of each file that the app writes in its own folder that it cannot do so on Lambda: a process of
// this machine may, and nothing would show it before the first deployment. It goes on as long as the cloud does, and
// begins anew where the app is another folder.
func (c *Cloud) followWrites(app App, writable []string) {
	c.writable.Store(&writable)
	if c.settings.Docker != nil || app.Folder == c.written.folder {
		return
	}
	c.stopFollowingWrites()
	stop, err := process.FollowWrites(app.Folder, sandbox.Processes, func(file string) {
		if advice := c.adviseWriting(app.Folder, file); advice != "" {
			fmt.Fprintln(c.settings.Log, advice)
		}
	})
	if err != nil {
		fmt.Fprintln(c.settings.Log, "lambda-web: what the app writes in its own folder will not be noticed:", err)
		return
	}
	c.written = writing{app.Folder, stop}
}

// writing is what is followed.
type writing struct {
	folder string
	stop   func()
}

func (c *Cloud) stopFollowingWrites() {
	if c.written.stop != nil {
		c.written.stop()
	}
	c.written = writing{}
}

// holds tells whether a writable folder, relative to the image's WORKDIR or absolute, has a file of the app's folder.
// Which absolute path the app's folder has in the image nobody says: any does whose end is a folder of the file.
func holds(folder, file string) bool {
	if folder == "." || strings.HasPrefix(file, folder+"/") {
		return true
	}
	for dir := path.Dir(file); path.IsAbs(folder) && dir != "."; dir = path.Dir(dir) {
		if strings.HasSuffix(folder, "/"+dir) {
			return true
		}
	}
	return false
}

// writable are the folders that the setting of this name has. The program has told a mistake in it.
func (p Program) writable() (folders []string) {
	json.Unmarshal([]byte(p.Config[p.Project+":writable"]), &folders)
	return folders
}

// adviseWriting is a line about a file, relative to the app's folder; it is empty where the setting writable has it.
func (c *Cloud) adviseWriting(app, file string) string {
	if slices.ContainsFunc(*c.writable.Load(), func(folder string) bool { return holds(path.Clean(folder), file) }) {
		return ""
	}
	way := "make its folder a writable one with the setting writable: [" + path.Dir(file) + "]"
	if path.Dir(file) == "." {
		way = "give it a folder of its own there, with the setting writable: [FOLDER]"
	}
	return fmt.Sprintf("lambda-web: the app writes %s in %s; on Lambda this fails: only /tmp can be written. "+
		"Have it write there, or %s", file, filepath.Base(app), way)
}
