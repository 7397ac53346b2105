// Package store keeps the balancer's rows in Table Storage or in memory.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// Table is a table in Table Storage. It is safe for concurrent use. Its errors are of type *Error.
type Table struct {
	client *aztables.Client
}

// row is an entity as it was read.
type row struct {
	etag       azcore.ETag
	properties map[string]any
}

// errUnversioned is an answer that a conditional update cannot follow.
var errUnversioned = errors.New("the row came without an ETag")

// read returns a row. A missing one is an error that isMissing knows.
func (t *Table) read(ctx context.Context, partition, name string) (row, error) {
	resp, err := t.client.GetEntity(ctx, escape(partition), name, nil)
	if err != nil {
		return row{}, newError("read row "+name, err)
	}
	var e aztables.EDMEntity
	if err := json.Unmarshal(resp.Value, &e); err != nil {
		return row{}, newError("read row "+name, err)
	}
	if resp.ETag == "" || resp.ETag == azcore.ETagAny {
		return row{}, newError("read row "+name, errUnversioned)
	}
	return row{etag: resp.ETag, properties: e.Properties}, nil
}

// insert adds a row that does not exist yet.
func (t *Table) insert(ctx context.Context, partition, name string, properties map[string]any) error {
	entity, err := encode(partition, name, properties)
	if err == nil {
		_, err = t.client.AddEntity(ctx, entity, nil)
	}
	return newError("insert row "+name, err)
}

// update merges properties into a row that is still as it was read with etag.
func (t *Table) update(ctx context.Context, partition, name string, etag azcore.ETag, properties map[string]any) error {
	entity, err := encode(partition, name, properties)
	if err == nil {
		// Without options the SDK would update whatever is there.
		_, err = t.client.UpdateEntity(ctx, entity, &aztables.UpdateEntityOptions{
			IfMatch:    &etag,
			UpdateMode: aztables.UpdateModeMerge,
		})
	}
	return newError("update row "+name, err)
}

func encode(partition, name string, properties map[string]any) ([]byte, error) {
	return json.Marshal(aztables.EDMEntity{
		Entity:     aztables.Entity{PartitionKey: escape(partition), RowKey: name},
		Properties: properties,
	})
}

// inTable calls f, and once more after creating the table if that is missing.
func inTable[T any](ctx context.Context, t *Table, f func() (T, error)) (T, error) {
	result, err := f()
	if !hasCode(err, aztables.TableNotFound) {
		return result, err
	}
	_, err = t.client.CreateTable(ctx, nil)
	if err = newError("create table", err); err != nil && !hasCode(err, aztables.TableAlreadyExists) {
		var none T
		return none, err
	}
	return f()
}

// maxKey is well below the service's 1 KiB for a key, in UTF-16.
const maxKey = 256

// escape makes a partition key of any string: letters, digits and ._- stay, every other byte becomes ~ and two hex
// digits. The service refuses / \ # ? and control characters in keys, and these are the characters that no part of a URL
// and its signature encodes. What would be too long ends in a digest.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if letter || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "~%02X", c)
	}
	switch {
	case b.Len() == 0:
		return "~"
	case b.Len() > maxKey:
		digest := sha256.Sum256([]byte(s))
		return b.String()[:maxKey-2*len(digest)-2] + "~~" + hex.EncodeToString(digest[:])
	}
	return b.String()
}

// isMissing reports whether err says that the row does not exist though its table does. A plain 404 does not say so: it
// may come from anywhere.
func isMissing(err error) bool {
	return hasCode(err, aztables.ResourceNotFound) || hasCode(err, aztables.EntityNotFound)
}

// isConflict reports whether err says that someone else inserted, changed or deleted the row that was to be written.
func isConflict(err error) bool {
	return hasCode(err, aztables.EntityAlreadyExists) || hasCode(err, aztables.UpdateConditionNotSatisfied) || isMissing(err)
}

func hasCode(err error, code aztables.TableErrorCode) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == string(code)
}
