package infra

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/stack"
)

// tracesColumns are those of Application Insights' table "traces"
// (https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces has their names in the workspace, where
// they are called otherwise).
const tracesColumns = `(timestamp:datetime, message:string, severityLevel:int, itemType:string, customDimensions:dynamic,
	customMeasurements:dynamic, operation_Name:string, operation_Id:string, operation_ParentId:string, cloud_RoleName:string,
	cloud_RoleInstance:string, appId:string, appName:string, iKey:string, sdkVersion:string, itemId:string, itemCount:int,
	_ResourceId:string)`

// queries reads infra/queries: by name without ".kql", the text.
func queries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "infra", "queries", "*.kql"))
	if err != nil || len(files) == 0 {
		t.Fatal("no queries", err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[strings.TrimSuffix(filepath.Base(file), ".kql")] = read(t, "infra/queries/"+filepath.Base(file))
	}
	return texts
}

// ask runs a program that takes JSON and prints JSON.
func ask[T any](t *testing.T, dir string, cmd *exec.Cmd, question any) T {
	t.Helper()
	var told T
	var problem bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(marshal(t, question)), &problem
	said, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(said, &told)
	}
	if err != nil {
		t.Fatalf("%v: %v: %s%s", cmd.Args, err, said, problem.String())
	}
	return told
}

// analysis is what the Kusto language service says of a query.
type analysis struct {
	Problems []string `json:"problems"`
	Columns  []string `json:"columns"`
}

func analyse(t *testing.T, texts map[string]string) map[string]analysis {
	t.Helper()
	node, dir := stack.NeedNode(t)
	return ask[map[string]analysis](t, dir, exec.CommandContext(t.Context(), node, "kusto.mjs"),
		map[string]any{"tables": map[string]string{"traces": tracesColumns}, "queries": texts})
}

func TestQueries_TheKustoLanguageServiceFindsNothingWrong(t *testing.T) {
	for name, found := range analyse(t, queries(t)) {
		if len(found.Problems) != 0 || len(found.Columns) == 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestQueries_TheKustoLanguageServiceFindsMistakes(t *testing.T) {
	for name, found := range analyse(t, map[string]string{
		"no pipe":   "traces where true",
		"column":    "traces | where category == 1",
		"function":  "traces | summarize percentil(severityLevel, 50)",
		"table":     "AppTraces | count",
		"argument":  "traces | summarize percentile(severityLevel)",
		"unclosed":  "traces | extend x = parse_json(message",
		"aggregate": "traces | where count() > 1",
	}) {
		if len(found.Problems) == 0 {
			t.Errorf("%s: nothing found", name)
		}
	}
}

// The Logs page, the workbook and alert rules each apply a range of time of their own.
func TestQueries_ReadTheHandlersLinesAndNameNoTime(t *testing.T) {
	for name, text := range queries(t) {
		if !strings.Contains(text, "\ntraces\n| where customDimensions.Category == \"Host.Function.Console\"\n") {
			t.Errorf("%s does not begin with the handler's lines", name)
		}
		if regexp.MustCompile(`\b(ago|now)\(`).MatchString(text) {
			t.Errorf("%s names a time", name)
		}
	}
}

// Words that a query looks for, but that no line has, would be no mistake to Kusto.
func TestQueries_LookForWordsThatTheHandlerSays(t *testing.T) {
	program := sources(t)
	for name, text := range queries(t) {
		for _, in := range regexp.MustCompile(`\bin \(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
			for _, word := range regexp.MustCompile(`"[^"]+"`).FindAllString(in[1], -1) {
				if !strings.Contains(program, word) {
					t.Errorf("%s looks for %s", name, word)
				}
			}
		}
	}
}

// sources is the handler's own code.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	tree := os.DirFS(filepath.Join(root(t), "handler"))
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
