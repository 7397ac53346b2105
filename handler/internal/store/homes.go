package store

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

const (
	// homeRow is the name of a stateful id's row; its properties are the backend's name and the row's last moment.
	homeRow     = "home"
	homeBackend = "Backend"
	homeUntil   = "Until"
)

// Home reads where a stateful id lives: the name of a backend, or empty where no row says so or its time is over. Each
// id is a partition of its own.
func (t *Table) Home(ctx context.Context, id string) (string, error) {
	r, err := t.read(ctx, id, homeRow)
	if isMissing(err) || hasCode(err, aztables.TableNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	backend, until := r.home()
	if !time.Now().Before(until) {
		return "", nil
	}
	return backend, nil
}

// SetHome writes where a stateful id lives, and until when that is to be believed. A row that says so for most of the
// time to come is left as it is.
func (t *Table) SetHome(ctx context.Context, id, backend string, until time.Time) error {
	_, err := inTable(ctx, t, func() (struct{}, error) { return struct{}{}, t.setHome(ctx, id, backend, until) })
	return err
}

func (t *Table) setHome(ctx context.Context, id, backend string, until time.Time) error {
	properties := map[string]any{homeBackend: backend, homeUntil: aztables.EDMDateTime(until.UTC())}
	err := t.insert(ctx, id, homeRow, properties)
	if !hasCode(err, aztables.EntityAlreadyExists) {
		return err
	}
	r, err := t.read(ctx, id, homeRow)
	if err != nil {
		return err
	}
	if known, knownUntil := r.home(); known == backend && time.Until(knownUntil) > time.Until(until)/2 {
		return nil
	}
	if err = t.update(ctx, id, homeRow, r.etag, properties); isConflict(err) {
		return nil // another instance has just learned it, too
	}
	return err
}

func (r row) home() (backend string, until time.Time) {
	backend, _ = r.properties[homeBackend].(string)
	at, _ := r.properties[homeUntil].(aztables.EDMDateTime)
	return backend, time.Time(at)
}
