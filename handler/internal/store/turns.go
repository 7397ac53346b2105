package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"aoai-balancer/handler/internal/rotation"
)

const (
	// turnsRow is the name of a deployment's row of turns, nextTurn its property: the first turn not yet claimed.
	turnsRow = "turns"
	nextTurn = "Next"
)

var (
	errGarbled   = errors.New("its property " + nextTurn + " is no Int64 from 0: repair or delete the row")
	errExhausted = errors.New("the turns are used up: delete the row")
)

// Claim advances the deployment's row by one conditional update, or inserts it, and returns the first turn claimed. It
// returns rotation.ErrConflict when another process was faster. A row that it cannot read it leaves as it is.
func (t *Table) Claim(ctx context.Context, c rotation.Claim) (uint64, error) {
	first, err := inTable(ctx, t, func() (uint64, error) { return t.claim(ctx, c) })
	if err != nil {
		return 0, err
	}
	return first, nil
}

func (t *Table) claim(ctx context.Context, c rotation.Claim) (first uint64, err error) {
	r, err := t.read(ctx, c.Deployment, turnsRow)
	missing := isMissing(err)
	switch {
	case missing:
		first = c.Start
	case err != nil:
		return 0, err
	default:
		if first, err = r.next(); err != nil {
			return 0, newError("read row "+turnsRow, err)
		}
	}
	next, err := advance(first, c.Count)
	if err != nil {
		return 0, newError("advance row "+turnsRow, err)
	}
	properties := map[string]any{nextTurn: aztables.EDMInt64(next)}
	if missing {
		err = t.insert(ctx, c.Deployment, turnsRow, properties)
	} else {
		err = t.update(ctx, c.Deployment, turnsRow, r.etag, properties)
	}
	if isConflict(err) {
		err = fmt.Errorf("%w: %w", rotation.ErrConflict, err)
	}
	return first, err
}

// next is the first turn that nobody has claimed.
func (r row) next() (uint64, error) {
	n, ok := r.properties[nextTurn].(aztables.EDMInt64)
	if !ok || n < 0 {
		return 0, errGarbled
	}
	return uint64(n), nil
}

// advance adds within the range of an Int64 property.
func advance(first, count uint64) (int64, error) {
	if first > math.MaxInt64 || count > math.MaxInt64-first {
		return 0, errExhausted
	}
	return int64(first + count), nil
}
