package main

import (
	"context"
	"fmt"
	"slices"

	"aoai-balancer/handler/internal/stack"
)

// starting is how long a handler takes from its start to its first answer, over some starts.
type starting struct {
	name string
	took []float64 // nanoseconds
	call []float64 // the first call, where it can be answered
}

// circumstance is what a handler meets at its start.
type circumstance struct {
	name     string
	settings stack.Settings
	keyed    bool // it can answer calls
}

// circumstances: whatever it needs may be there, gone or dumb.
func circumstances(backends []string, gone, dumb string) []circumstance {
	keys := settings(backends)
	vaulted := func(vault string) stack.Settings {
		entry := fmt.Sprintf(`[{"name":"backend","endpoint":"http://%s","secret":"key"}]`, backends[0])
		return keys.With("OPENAI_BACKENDS", entry).With("KEY_VAULT_URI", "https://"+vault).
			// Who asks for a token of a managed identity asks there.
			With("IDENTITY_ENDPOINT", "http://"+vault+"/").With("IDENTITY_HEADER", "none")
	}
	table := func(s stack.Settings, address string) stack.Settings {
		return s.WithCounter("DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;TableEndpoint=http://" + address + "/account;")
	}
	return []circumstance{
		{"keys in the settings, counter in memory", keys, true},
		{"vault and identity refuse connections", vaulted(gone), false},
		{"vault and identity never answer", vaulted(dumb), false},
		{"table refuses connections", table(keys, gone), true},
		{"table never answers", table(keys, dumb), true},
		{"vault, identity and table never answer", table(vaulted(dumb), dumb), false},
	}
}

// measureStarts starts the handler several times in each circumstance.
func (b *bench) measureStarts(ctx context.Context) ([]starting, error) {
	gone, dumb, stop, err := badAddresses(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	var all []starting
	for _, c := range circumstances(b.direct.addresses, gone, dumb) {
		b.progress.say("start: %s", c.name)
		s := starting{name: c.name}
		for range b.plan.starts {
			if err := b.startOnce(ctx, c, &s); err != nil {
				return all, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

func (b *bench) startOnce(ctx context.Context, c circumstance, s *starting) error {
	h, err := b.startHandler(ctx, "handler", c.settings)
	if err != nil {
		return err
	}
	defer h.process.Kill() // a clean end would wait for what is not there
	s.took = append(s.took, float64(h.started))
	if !c.keyed {
		return nil
	}
	first, _, err := firstCalls(ctx, &h.target)
	s.call = append(s.call, float64(first))
	return err
}

// badAddresses gives one that refuses connections, and one that accepts them and never says a word.
func badAddresses(ctx context.Context) (gone, dumb string, stop func(), err error) {
	port, err := stack.FreePort()
	if err != nil {
		return "", "", nil, err
	}
	listener, err := listen(ctx, "0") // the system accepts for it
	if err != nil {
		return "", "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), listener.Addr().String(), func() { _ = listener.Close() }, nil
}

func started(all []starting) *table {
	t := &table{number: 1, columns: []string{"at the start", "first answer after", "longest", "first call"}}
	for _, s := range all {
		t.add(s.name, duration(median(s.took)), duration(slices.Max(s.took)), duration(median(s.call)))
	}
	return t
}
