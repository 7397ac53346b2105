package stack

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
)

const heldBytes = 1 << 20

// hold has a socket and a file without a name, says so, and stays.
func hold() {
	file, err := os.CreateTemp("", "held-*")
	if err == nil {
		err = file.Truncate(heldBytes)
		_ = os.Remove(file.Name())
	}
	listener, listening := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println(`{"level":"info","event":"listening"}`, err, listening)
	linger(nil)
	_, _ = file.Close(), listener.Close()
}

func TestUsage_TellsWhatAProcessHolds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	p := start(t, "holder")
	if _, err := p.Log.Wait(t.Context(), "listening"); err != nil {
		t.Fatal(err)
	}
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.TempFiles != 1 || u.TempBytes != heldBytes || u.Sockets != 1 || u.Descriptors < 5 || u.Threads < 2 {
		t.Errorf("%+v", u)
	}
	if u.Resident < 1<<20 || u.MostMemory < u.Resident {
		t.Errorf("it holds %d bytes, and %d at the most", u.Resident, u.MostMemory)
	}
	p.Kill()
	if u, err := p.Usage(); err == nil {
		t.Errorf("a process that has ended holds %+v", u)
	}
}
