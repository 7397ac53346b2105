package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// azuriteStart is the longest that Azurite may take to answer. It needs half a second on an idle machine.
	azuriteStart = 30 * time.Second
	// azuriteAccount is the account that every Azurite has. Its key is public:
	// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// ErrNoNode says that Node.js or npm is not installed.
var ErrNoNode = errors.New("node and npm must be on PATH")

// Storage is an Azurite with the table service alone, on 127.0.0.1. It keeps its rows in memory and nothing on disk.
// Only ConnectionString may be called while another method runs.
type Storage struct {
	node   string // the executable
	script string
	dir    string // its working directory
	port   int
	log    io.Writer

	process *Process // nil while it does not run
}

// Azurite starts a table service on a free port and returns when it answers. The first use in a copy of the repository
// installs it. It ends with Stop, with ctx, and on Linux with this process. What it prints goes to log, which may be
// nil. The error is ErrNoNode where Node.js is missing.
func Azurite(ctx context.Context, log io.Writer) (*Storage, error) {
	if log == nil {
		log = io.Discard
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("azurite: %w", ErrNoNode)
	}
	npm, err := NodeModules(ctx, log)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "azurite-")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(npm, "node_modules", "azurite", "dist", "src", "table", "main.js")
	s := &Storage{node: node, script: script, dir: dir, log: log}
	if err := s.startAnywhere(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// startAnywhere tries a few ports: another program may take a free one before Azurite does.
func (s *Storage) startAnywhere(ctx context.Context) (err error) {
	for range 3 {
		if s.port, err = FreePort(); err != nil {
			return err
		}
		if err = s.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// Ports below those that systems give to whoever asks for any: what is free here is not taken a moment later by an outgoing
// connection, nor by the handler of a Functions host that is just starting.
const (
	firstPort = 20_000
	ports     = 10_000
)

// FreePort finds a port of 127.0.0.1 that nobody listens on just now.
func FreePort() (port int, err error) {
	for range 100 {
		port = firstPort + rand.N(ports)
		var l *net.TCPListener
		if l, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

func (s *Storage) start(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.node, s.script,
		"--inMemoryPersistence", "--disableTelemetry", "--silent",
		"--tableHost", "127.0.0.1", "--tablePort", strconv.Itoa(s.port))
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AZURITE_") })
	process, err := Start(cmd)
	if err != nil {
		return fmt.Errorf("start azurite: %w", err)
	}
	s.process = process
	if err := process.explain(s.awaitAnswer(ctx)); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// awaitAnswer returns when the service answers anything at all.
func (s *Storage) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, azuriteStart, errors.New("it does not answer"))
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ended := false
	err := Until(ctx, func() bool {
		select {
		case <-s.process.Ended():
			ended = true
			return true
		default:
			return reachable(ctx, client, s.endpoint())
		}
	})
	if ended {
		return errEnded
	}
	return err
}

func reachable(ctx context.Context, client *http.Client, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

func (s *Storage) endpoint() string {
	return "http://127.0.0.1:" + strconv.Itoa(s.port) + "/" + azuriteAccount
}

// ConnectionString leads to the table service, also after Restart.
func (s *Storage) ConnectionString() string {
	return "DefaultEndpointsProtocol=http;AccountName=" + azuriteAccount + ";AccountKey=" + azuriteKey +
		";TableEndpoint=" + s.endpoint() + ";"
}

// Kill ends the service as a crash would. Its rows are lost.
func (s *Storage) Kill() {
	if s.process == nil {
		return
	}
	s.process.Kill()
	_, _ = io.WriteString(s.log, s.process.Log.Tail())
	s.process = nil
}

// Restart starts the service again on the same port, without any rows. It ends with ctx.
func (s *Storage) Restart(ctx context.Context) error {
	s.Kill()
	return s.start(ctx)
}

// Stop ends the service and removes its folder. It may be called again.
func (s *Storage) Stop() {
	s.Kill()
	_ = os.RemoveAll(s.dir) // what remains lies among the temporary files
}
