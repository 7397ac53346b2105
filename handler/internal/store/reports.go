package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"aoai-balancer/handler/internal/status"
)

const (
	// reportsPartition holds a row for each instance, under the instance's id. No deployment of Azure has a slash in its name.
	reportsPartition = "fleet/instances"
	reportText       = "Report"
	// reportsPage is how many rows are asked for at once: at 30 KiB each they stay below the service's 4 MiB an answer.
	reportsPage = 100
)

// SetReport writes an instance's row as it is now: no other instance writes it, so there is nothing to compare with.
func (t *Table) SetReport(ctx context.Context, instance string, text []byte) error {
	_, err := inTable(ctx, t, func() (struct{}, error) {
		entity, err := encode(reportsPartition, instance, map[string]any{reportText: string(text)})
		if err == nil {
			_, err = t.client.UpsertEntity(ctx, entity, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace})
		}
		return struct{}{}, newError("write row of an instance", err)
	})
	return err
}

// Reports reads the rows of instances that were written within a time, most of them at the most. Ages are by the
// storage service's clock. Without the table there are none.
func (t *Table) Reports(ctx context.Context, within time.Duration, most int) ([]status.Report, error) {
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	var reports []status.Report
	err = t.list(ctx, "Timestamp ge "+moment(now.Add(-within)), "", most, func(e aztables.EDMEntity) error {
		text, _ := e.Properties[reportText].(string)
		age := max(now.Sub(time.Time(e.Timestamp)), 0)
		reports = append(reports, status.Report{Instance: e.RowKey, Age: age, Text: []byte(text)})
		return nil
	})
	return reports, err
}

// SweepReports deletes rows of instances that were written longer ago, most of them at the most.
func (t *Table) SweepReports(ctx context.Context, longerAgo time.Duration, most int) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	return t.list(ctx, "Timestamp lt "+moment(now.Add(-longerAgo)), "PartitionKey,RowKey", most, func(e aztables.EDMEntity) error {
		_, err := t.client.DeleteEntity(ctx, e.PartitionKey, e.RowKey, nil)
		if err = newError("delete row of an instance", err); isMissing(err) {
			return nil // another instance sweeps, too
		}
		return err
	})
}

func moment(at time.Time) string { return "datetime'" + at.UTC().Format("2006-01-02T15:04:05Z") + "'" }

// now is the time by the service's clock, which the Timestamp of rows is of, too.
func (t *Table) now(ctx context.Context) (time.Time, error) {
	var answer *http.Response
	_, err := t.client.GetEntity(policy.WithCaptureResponse(ctx, &answer), escape(reportsPartition), "none", nil)
	if err = newError("read the time", err); err != nil && !isMissing(err) && !hasCode(err, aztables.TableNotFound) {
		return time.Time{}, err
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}, newError("read the time", errUndated)
	}
	return date, nil
}

// list visits rows of instances that match the filter, with the properties selected; empty is all.
func (t *Table) list(ctx context.Context, filter, selected string, most int, visit func(aztables.EDMEntity) error) error {
	filter = fmt.Sprintf("PartitionKey eq '%s' and %s", escape(reportsPartition), filter)
	o := &aztables.ListEntitiesOptions{Filter: &filter, Top: new(int32(min(most, reportsPage)))}
	if selected != "" {
		o.Select = &selected
	}
	seen := 0
	for pager := t.client.NewListEntitiesPager(o); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err = newError("list rows of instances", err); hasCode(err, aztables.TableNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		for _, text := range page.Entities {
			if seen++; seen > most {
				return nil
			}
			var e aztables.EDMEntity
			if err := json.Unmarshal(text, &e); err != nil {
				return newError("list rows of instances", err)
			}
			if err := visit(e); err != nil {
				return err
			}
		}
	}
	return nil
}
