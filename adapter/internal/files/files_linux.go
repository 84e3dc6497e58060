// Package files reads files and folders by system calls. Package os would make the adapter larger by what it does
// beside that.
package files

import "syscall"

// Read is the content of a file.
func Read(path string) (content []byte, err error) {
	fd, err := Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	for buffer := make([]byte, 4<<10); ; {
		n, err := ReadSome(fd, buffer)
		if n <= 0 || err != nil {
			return content, err
		}
		content = append(content, buffer[:n]...)
	}
}

// Names returns what is in a folder, in no order.
func Names(folder string) (names []string, err error) {
	fd, err := Open(folder, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	for buffer := make([]byte, 8<<10); ; {
		n, err := syscall.ReadDirent(fd, buffer)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return names, err
		}
		_, _, names = syscall.ParseDirent(buffer[:n], -1, names)
	}
}

// Open opens a file for this process alone.
func Open(path string, flags int, rights uint32) (fd int, err error) {
	for {
		fd, err = syscall.Open(path, flags|syscall.O_CLOEXEC, rights)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// ReadSome reads once. At the end there are no bytes, and no error.
func ReadSome(fd int, buffer []byte) (n int, err error) {
	for {
		n, err = syscall.Read(fd, buffer)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// WriteAll writes everything, or as much as is possible.
func WriteAll(fd int, content []byte) error {
	for len(content) > 0 {
		n, err := syscall.Write(fd, content)
		if err != nil && err != syscall.EINTR {
			return err
		}
		content = content[max(n, 0):]
	}
	return nil
}
