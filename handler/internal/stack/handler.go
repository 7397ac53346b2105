package stack

import (
	"context"
	"os/exec"
	"strconv"
)

// StartHandler starts the built handler by itself and waits until it answers GET /, or ctx ends. Port 0 is any free one.
// The process ends with Stop.
func StartHandler(ctx context.Context, binary string, port int, s Settings) (*Process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary)
	cmd.Env = s.With("FUNCTIONS_CUSTOMHANDLER_PORT", strconv.Itoa(port)).Environment()
	p, err := Start(cmd)
	if err != nil {
		return nil, err
	}
	if err := p.listening(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// listening learns the address from the log and waits for the first answer there.
func (p *Process) listening(ctx context.Context) error {
	entry, err := p.Log.Wait(ctx, "listening")
	if err != nil {
		return p.explain(err)
	}
	p.URL = "http://" + entry.Address
	return p.answering(ctx, "/")
}
