// Command gateway deploys the gateway with the Azure CLI, calls it, and removes it, on every system that Go runs on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"aoai-balancer/handler/internal/stack"
)

const usage = `usage: gateway COMMAND [FLAGS]

  deploy    create everything with the Azure CLI and publish the handler
  smoke     send chat calls, one of them streamed, and show who answered
  hint      print the gateway's address and how to call it
  status    print the address of the status page
  teardown  delete everything and free the names

COMMAND -h shows the flags.
`

func main() {
	if err := start(); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := shell{
		run:        runIn,
		getenv:     os.Getenv,
		pause:      pause,
		client:     &http.Client{Timeout: 5 * time.Minute},
		management: "https://management.azure.com",
		out:        os.Stdout,
	}
	return s.command(ctx, os.Args[1:])
}

// shell is what the commands need from outside, so that tests can take its place.
type shell struct {
	run        func(ctx context.Context, program string, arguments ...string) (string, error)
	getenv     func(string) string
	pause      func(context.Context, time.Duration) error
	client     *http.Client
	management string // address of Azure Resource Manager
	out        io.Writer
}

func (s shell) command(ctx context.Context, arguments []string) error {
	name := ""
	if len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
	}
	switch name {
	case "deploy":
		return s.deploy(ctx, arguments)
	case "smoke":
		return s.smoke(ctx, arguments)
	case "hint":
		return s.hint(ctx, arguments)
	case "status":
		return s.status(ctx, arguments)
	case "teardown":
		return s.teardown(ctx, arguments)
	}
	fmt.Fprint(s.out, usage)
	return errors.New("a command is needed: deploy, smoke, hint, status or teardown")
}

func (s shell) say(format string, values ...any) { fmt.Fprintf(s.out, format+"\n", values...) }

// flags begins the flags of a command.
func (s shell) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(s.out)
	return f
}

// runIn runs a program in the repository's folder and gives what it says. Its error holds what it complains of.
func runIn(ctx context.Context, program string, arguments ...string) (string, error) {
	root, err := stack.ModuleRoot()
	if err != nil {
		return "", err
	}
	// On Windows the Azure CLI is a script, az.cmd, which LookPath finds.
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: %w", program, err)
	}
	var complaint strings.Builder
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = root, os.Stdin, io.MultiWriter(os.Stderr, &complaint)
	said, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(firstWords(arguments), " "), err, lastLine(complaint.String()))
	}
	return strings.TrimSpace(string(said)), nil
}

// firstWords gives the arguments up to the first flag: what is run, without values.
func firstWords(arguments []string) []string {
	for i, a := range arguments {
		if strings.HasPrefix(a, "-") {
			return arguments[:i]
		}
	}
	return arguments
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
