// Package infra reads what the Bicep templates amount to, so that tests keep templates, settings and documents equal.
package infra

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Snapshot is what Azure would be asked to create for one parameter file: the form that "bicep snapshot" writes.
// What is known at deployment only stays an expression, a text in brackets.
type Snapshot struct {
	Resources []Resource     `json:"predictedResources"`
	Outputs   map[string]any `json:"outputs"`
}

// Resource is one resource of a snapshot.
type Resource struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	SKU        map[string]any    `json:"sku"`
	Tags       map[string]string `json:"tags"`
	Properties map[string]any    `json:"properties"`
}

// ReadSnapshot reads infra/snapshots/<name>.snapshot.json of the repository at root.
func ReadSnapshot(root, name string) (Snapshot, error) {
	var s Snapshot
	text, err := fs.ReadFile(os.DirFS(root), "infra/snapshots/"+name+".snapshot.json")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot %s: %w", name, err)
	}
	return s, nil
}

// OfType gives the resources of that type, in the snapshot's order.
func (s Snapshot) OfType(kind string) []Resource {
	var all []Resource
	for _, r := range s.Resources {
		if r.Type == kind {
			all = append(all, r)
		}
	}
	return all
}

// At gives what lies in the resource's properties under the path, its parts separated by dots; nil if nothing does.
func (r Resource) At(path string) any {
	var at any = r.Properties
	for part := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[part]
	}
	return at
}

// Text gives what At gives where it is a text, and otherwise "".
func (r Resource) Text(path string) string {
	text, _ := r.At(path).(string)
	return text
}

// AppSettings gives the function app's settings as its process finds them in the environment. What only a deployment
// knows is asked of known, by the expression that stands for it, such as
// "reference('/subscriptions/…/vaults/kv', '2025-05-01').vaultUri".
func (s Snapshot) AppSettings(known func(expression string) (any, error)) (map[string]string, error) {
	sites := s.OfType("Microsoft.Web/sites")
	if len(sites) != 1 {
		return nil, fmt.Errorf("%d function apps instead of one", len(sites))
	}
	list, _ := sites[0].At("siteConfig.appSettings").([]any)
	settings := map[string]string{}
	for _, item := range list {
		setting, _ := item.(map[string]any)
		name, _ := setting["name"].(string)
		text, _ := setting["value"].(string)
		value, err := Evaluate(text, known)
		if err != nil {
			return nil, fmt.Errorf("app setting %s: %w", name, err)
		}
		if _, twice := settings[name]; twice {
			return nil, fmt.Errorf("app setting %s: is set twice", name)
		}
		settings[name] = fmt.Sprint(value)
	}
	return settings, nil
}
