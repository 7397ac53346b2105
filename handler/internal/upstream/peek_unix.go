//go:build unix

package upstream

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peeker looks at a socket without reading from it and without waiting.
func peeker(c net.Conn) func() bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	watched, quiet := []unix.PollFd{{Events: unix.POLLIN}}, false
	look := func(fd uintptr) {
		watched[0].Fd = int32(fd)
		n, err := unix.Poll(watched, 0)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll(watched, 0)
		}
		quiet = n == 0 && err == nil
	}
	return func() bool { return raw.Control(look) == nil && quiet }
}
