package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"aoai-balancer/handler/internal/cooldown"
)

const (
	// cooldownsRow is the name of a deployment's row of cooldowns, endsProperty its property: JSON, because the service
	// allows few characters in names of properties.
	cooldownsRow = "cooldowns"
	endsProperty = "Ends"
	// maxEnds bounds that property. The service's limit is 32 Ki characters; 64 backends with the longest names need 8.
	maxEnds = 16 << 10
)

const (
	causeThrottled = "throttled"
	causeFailed    = "failed"
)

var (
	errUndated = errors.New("the answer came without a Date")
	errTooLong = errors.New("the cooldowns are too many for a row")
)

// end is how one backend's cooldown stands in the row.
type end struct {
	Until time.Time `json:"until"`
	Cause string    `json:"cause"`
}

// Cooldowns reads the deployment's row of cooldowns. What it cannot make sense of counts as no cooldown and is gone with
// the next write: nothing of it lasts longer than minutes.
func (t *Table) Cooldowns(ctx context.Context, deployment string) (cooldown.Row, error) {
	return inTable(ctx, t, func() (cooldown.Row, error) { return t.cooldowns(ctx, deployment) })
}

func (t *Table) cooldowns(ctx context.Context, deployment string) (cooldown.Row, error) {
	var answer *http.Response
	r, err := t.read(policy.WithCaptureResponse(ctx, &answer), deployment, cooldownsRow)
	if err != nil && !isMissing(err) {
		return cooldown.Row{}, err
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return cooldown.Row{}, newError("read row "+cooldownsRow, errUndated)
	}
	text, _ := r.properties[endsProperty].(string)
	return cooldown.Row{Ends: decodeEnds(text), Date: date, Version: string(r.etag)}, nil
}

// SetCooldowns replaces the ends in the deployment's row by one conditional update, or inserts the row. It returns
// cooldown.ErrConflict when another process was faster.
func (t *Table) SetCooldowns(ctx context.Context, deployment string, read cooldown.Row, ends map[string]cooldown.End) error {
	text, err := encodeEnds(ends)
	if err != nil {
		return newError("update row "+cooldownsRow, err)
	}
	properties := map[string]any{endsProperty: text}
	if read.Version == "" {
		err = t.insert(ctx, deployment, cooldownsRow, properties)
	} else {
		err = t.update(ctx, deployment, cooldownsRow, azcore.ETag(read.Version), properties)
	}
	if isConflict(err) {
		err = fmt.Errorf("%w: %w", cooldown.ErrConflict, err)
	}
	return err
}

func encodeEnds(ends map[string]cooldown.End) (string, error) {
	row := make(map[string]end, len(ends))
	for name, e := range ends {
		cause := causeThrottled
		if e.Failed {
			cause = causeFailed
		}
		row[name] = end{e.Until.UTC().Truncate(time.Millisecond), cause}
	}
	text, err := json.Marshal(row)
	if err == nil && len(text) > maxEnds {
		err = errTooLong
	}
	return string(text), err
}

func decodeEnds(text string) map[string]cooldown.End {
	var row map[string]end
	if len(text) > maxEnds || json.Unmarshal([]byte(text), &row) != nil {
		return nil
	}
	ends := make(map[string]cooldown.End, len(row))
	for name, e := range row {
		if e.Cause == causeThrottled || e.Cause == causeFailed {
			ends[name] = cooldown.End{Until: e.Until, Failed: e.Cause == causeFailed}
		}
	}
	return ends
}
