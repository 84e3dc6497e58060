package docker

import (
	"os/exec"
	"path/filepath"
	"strings"
)

// temurin is the base image that others of Java are made from.
const temurin = "eclipse-temurin:21-jdk"

// java is this machine's JDK, whose version may be another than the image's.
func (d *Daemon) java(image, folder string) error {
	if image != temurin {
		if err := d.Provide(temurin); err != nil {
			return err
		}
		return build(image, folder, "FROM "+temurin+"\n", nil)
	}
	if err := d.Provide(Python); err != nil {
		return err
	}
	if err := Install("javac", "default-jdk-headless"); err != nil {
		return err
	}
	home, err := installed("javac")
	if err != nil {
		return err
	}
	to := filepath.Join(folder, "root", "opt", "java")
	if _, err := run("mkdir", "-p", filepath.Join(to, "lib")); err != nil {
		return err
	}
	libraries, err := filepath.Glob(home + "/lib/[^s]*") // all but src.zip, a link that may lead nowhere
	if err != nil {
		return err
	}
	for _, command := range [][]string{ // -p: the JVM's archive of its classes tells the time of their file
		{"cp", "-rLp", home + "/bin", home + "/conf", home + "/release", to},
		append(append([]string{"cp", "-rLp"}, libraries...), home+"/lib/security", home+"/lib/server", to+"/lib"),
	} {
		if _, err := run(command[0], command[1:]...); err != nil {
			return err
		}
	}
	if err := copyLibraries(folder, home+"/bin/java", home+"/lib/server/libjvm.so"); err != nil {
		return err
	}
	return build(image, folder, "FROM "+Python+"\nCOPY root/ /\nENV JAVA_HOME=/opt/java PATH=/opt/java/bin:$PATH\n", nil)
}

// maven is this machine's Maven, which takes packages from where this machine does.
func (d *Daemon) maven(image, folder string) error {
	if err := d.Provide(temurin); err != nil {
		return err
	}
	if err := Install("mvn", "maven"); err != nil {
		return err
	}
	home, err := installed("mvn")
	if err != nil {
		return err
	}
	if _, err := run("cp", "-rL", home, filepath.Join(folder, "maven")); err != nil {
		return err
	}
	return build(image, folder, "FROM "+temurin+"\nCOPY maven /usr/share/maven\n"+
		"RUN ln -s /usr/share/maven/bin/mvn /usr/bin/mvn\n", nil)
}

// installed is the folder that has a program in its folder bin.
func installed(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", err
	}
	path, err = filepath.EvalSymlinks(path)
	return strings.TrimSuffix(path, "/bin/"+program), err
}
