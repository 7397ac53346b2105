package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/config"
	"aoai-balancer/handler/internal/cooldown"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/proxy"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/status"
	"aoai-balancer/handler/internal/store"
	"aoai-balancer/handler/internal/telemetry"
)

// identities makes the process's Azure credential when a part first needs it, and only once.
type identities struct {
	once sync.Once
	own  azcore.TokenCredential
	err  error
}

func (i *identities) get() (azcore.TokenCredential, error) {
	i.once.Do(func() { i.own, i.err = credential.Identity("") })
	return i.own, i.err
}

// counterIdentity is the process's own unless the connection names another.
func (i *identities) counterIdentity(clientID string) (azcore.TokenCredential, error) {
	if clientID == "" {
		return i.get()
	}
	return credential.Identity(clientID)
}

func newBackends(ctx context.Context, c config.Config, id *identities, log zerolog.Logger) ([]*backend.Backend, error) {
	sources := sources{config: c, identities: id}
	backends := make([]*backend.Backend, len(c.Backends))
	for i, b := range c.Backends {
		source, err := sources.of(b, log.With().Str("backend", b.Name).Logger())
		if err != nil {
			return nil, fmt.Errorf("backend %q: %w", b.Name, err)
		}
		source.Start(ctx)
		backends[i] = &backend.Backend{
			Name: b.Name, Endpoint: b.Endpoint, Credential: source, Entra: b.Entra,
			Priority: b.Priority, Weight: b.Weight, Deployments: b.Deployments,
		}
	}
	return backends, nil
}

// sources makes each backend's credential from what they share.
type sources struct {
	config     config.Config
	identities *identities
	vault      *azsecrets.Client
}

func (s *sources) of(b config.Backend, log zerolog.Logger) (*credential.Source, error) {
	if b.Key != "" {
		return credential.Literal(b.Key), nil
	}
	tokens, err := s.identities.get()
	if err != nil {
		return nil, err
	}
	options := credential.Options{Go: telemetry.Go(log), Log: logCredential(log)}
	if b.Entra {
		return credential.Entra(tokens, options), nil
	}
	if s.vault == nil {
		if s.vault, err = credential.VaultClient(s.config.KeyVaultURI, tokens); err != nil {
			return nil, err
		}
	}
	return credential.Secret(s.vault, b.Secret, options), nil
}

func logCredential(log zerolog.Logger) func(event string, err error) {
	return func(event string, err error) {
		if err != nil {
			log.Warn().Str("event", event).AnErr("problem", err).Send()
			return
		}
		log.Info().Str("event", event).Send()
	}
}

// newTable connects to what instances share; nil where no connection is configured.
func newTable(c config.Config, id *identities) (*store.Table, error) {
	if !c.Counter.Configured() {
		return nil, nil
	}
	connection := store.Connection{ConnectionString: c.Counter.ConnectionString, ServiceURI: c.Counter.ServiceURI, Table: c.CounterTable}
	if connection.ConnectionString != "" {
		return store.Connect(connection, nil)
	}
	tokens, err := id.counterIdentity(c.Counter.ClientID)
	if err != nil {
		return nil, err
	}
	return store.Connect(connection, tokens)
}

func newCounter(table *store.Table, log zerolog.Logger) rotation.Counter {
	if table != nil {
		return table
	}
	log.Warn().Str("event", "counter_in_memory").
		Str("problem", "COUNTER_CONNECTION names no connection: instances share neither turns nor cooldowns").Send()
	return new(store.Memory)
}

// names are the backends', in the order of the settings.
func names(c config.Config) []string {
	all := make([]string, len(c.Backends))
	for i, b := range c.Backends {
		all[i] = b.Name
	}
	return all
}

func shareCooldowns(ctx context.Context, table *store.Table, health *backend.Health, c config.Config, log zerolog.Logger) {
	cooldown.Share(ctx, cooldown.Options{
		Rows:     table,
		Health:   health,
		Backends: names(c),
		Longest:  c.CooldownMax,
		Go:       telemetry.Go(log),
		OnOutage: func(err error) {
			log.Warn().Str("event", "cooldowns_local").AnErr("problem", err).Send()
		},
		OnRecovery: func() { log.Info().Str("event", "cooldowns_shared").Send() },
	})
}

func newHomes(table *store.Table, c config.Config, log zerolog.Logger) *affinity.Homes {
	o := affinity.Options{Backends: names(c), Go: telemetry.Go(log)}
	if table != nil {
		o.Table = table
	}
	return affinity.New(o)
}

func newTurns(counter rotation.Counter, cycle *rotation.Rotation, log zerolog.Logger) *rotation.Turns {
	return rotation.NewTurns(rotation.Options{
		Counter: counter,
		Cycle:   cycle.Cycle(),
		Go:      telemetry.Go(log),
		OnOutage: func(err error) {
			log.Warn().Str("event", "counter_local").AnErr("problem", err).Send()
		},
		OnRecovery: func() { log.Info().Str("event", "counter_shared").Send() },
	})
}

// newStatus shows what the parts of a proxy do. Where there is a table, instances tell each other there.
func newStatus(ctx context.Context, table *store.Table, o proxy.Options, turns func() rotation.Stats, backends []string) *status.Status {
	meter := status.NewMeter(backends)
	o.Go(func() { meter.Run(ctx) })
	shown := status.Options{
		Instance: newInstance(), Meter: meter, Backends: o.Backends, Health: o.Health, Turns: turns, Bodies: o.Bodies.InUse,
	}
	if table != nil {
		shown.Peers = status.NewPeers(table, meter, shown.Instance, backends)
		o.Go(func() { shown.Peers.Run(ctx) })
	}
	return status.New(shown)
}

// newInstance is an id that no other instance has, short enough to read.
func newInstance() string {
	const length = 8
	return strings.ToLower(rand.Text()[:length])
}
