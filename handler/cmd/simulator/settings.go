package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// settings are the program's flags, read.
type settings struct {
	address  string
	lifetime time.Duration
	options  simulator.Options
}

// parseSettings returns nil settings where the flags only ask for help, which
// it has then printed.
func parseSettings(args []string, stdout io.Writer) (*settings, error) {
	var s settings
	o := &s.options
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.StringVar(&s.address, "address", "127.0.0.1:0", "loopback `host:port` to listen on; port 0 is any free one")
	flags.DurationVar(&s.lifetime, "for", 0, "stop by itself after this time; 0: run until interrupted")
	flags.StringVar(&o.Name, "name", "simulator", "the resource's name, shown in answers")
	flags.Func("keys", "accepted api-key values, separated by commas; none here and in -tokens: any credential", listInto(&o.Keys))
	flags.Func("tokens", "accepted bearer tokens, separated by commas", listInto(&o.Tokens))
	flags.Func("deployment", "a deployment as `name[,model=M][,rpm=N][,tpm=N]`, with limits a minute; may be repeated; none: every name, unlimited", func(text string) error {
		d, err := parseDeployment(text)
		o.Deployments = append(o.Deployments, d)
		return err
	})
	flags.DurationVar(&o.TokenDelay, "token-delay", 0, "wait between the events of a stream")
	flags.DurationVar(&o.FirstDelay, "first-delay", 0, "wait before the headers of any answer")
	flags.IntVar(&o.Words, "words", 0, "length of an answer in tokens; 0: 8")
	flags.DurationVar(&o.Window, "window", time.Minute, "over which limits are counted")
	flags.BoolVar(&o.NoRecord, "no-record", false, "do not keep what was received")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return &s, nil
}

func listInto(list *[]string) func(string) error {
	return func(text string) error {
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*list = append(*list, item)
			}
		}
		return nil
	}
}

func parseDeployment(text string) (simulator.Deployment, error) {
	name, rest, _ := strings.Cut(text, ",")
	d := simulator.Deployment{Name: strings.TrimSpace(name)}
	if d.Name == "" {
		return d, errors.New("a deployment needs a name")
	}
	if rest == "" {
		return d, nil
	}
	for field := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var err error
		switch key {
		case "model":
			d.Model = value
		case "rpm":
			d.RequestsPerMinute, err = parseLimit(value)
		case "tpm":
			d.TokensPerMinute, err = parseLimit(value)
		default:
			err = errors.New("neither model, rpm nor tpm")
		}
		if err != nil {
			return d, fmt.Errorf("%q: %w", field, err)
		}
	}
	return d, nil
}

func parseLimit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errors.New("a limit is a whole number, 0 for none")
	}
	return n, nil
}
