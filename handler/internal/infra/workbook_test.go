package infra

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// workbookItem is a part of a workbook: the parameters (type 9), or a tile with a query (type 3).
type workbookItem struct {
	Type    int    `json:"type"`
	Name    string `json:"name"`
	Content struct {
		Query         string `json:"query"`
		TimeContext   string `json:"timeContextFromParameter"`
		ResourceType  string `json:"resourceType"`
		Visualization string `json:"visualization"`
		ChartSettings struct {
			XAxis string   `json:"xAxis"`
			YAxis []string `json:"yAxis"`
			Group string   `json:"group"`
		} `json:"chartSettings"`
		Parameters []struct {
			Name string `json:"name"`
			Type int    `json:"type"`
		} `json:"parameters"`
	} `json:"content"`
}

// workbook reads the only workbook of a snapshot.
func workbook(t *testing.T, name string) (parameters workbookItem, tiles []workbookItem) {
	t.Helper()
	resource := one(t, snapshot(t, name), "Microsoft.Insights/workbooks", "")
	var whole struct{ Items []workbookItem }
	if err := json.Unmarshal([]byte(resource.Text("serializedData")), &whole); err != nil {
		t.Fatal(err)
	}
	return whole.Items[0], whole.Items[1:]
}

// alertsOf gives the queries that the rules of a snapshot hold, and what each splits its rows by.
func alertsOf(t *testing.T, name string) (texts map[string]string, splitBy map[string][]string) {
	t.Helper()
	texts, splitBy = map[string]string{}, map[string][]string{}
	for _, rule := range snapshot(t, name).OfType("Microsoft.Insights/scheduledQueryRules") {
		conditions, _ := rule.At("criteria.allOf").([]any)
		if len(conditions) != 1 {
			t.Fatalf("%s has %d conditions", rule.Name, len(conditions))
		}
		condition := Resource{Properties: conditions[0].(map[string]any)}
		file, _, _ := strings.Cut(rule.Name, "-appi-")
		texts[file] = condition.Text("query")
		dimensions, _ := condition.At("dimensions").([]any)
		for _, d := range dimensions {
			splitBy[file] = append(splitBy[file], Resource{Properties: d.(map[string]any)}.Text("name"))
		}
	}
	return texts, splitBy
}

func TestWorkbook_AndAlertsHoldEachQueryOnceAndNoOther(t *testing.T) {
	got, _ := alertsOf(t, "alerts")
	_, tiles := workbook(t, "alerts")
	for _, tile := range tiles {
		got[tile.Name] = strings.ReplaceAll(tile.Content.Query, "{TimeRange:grain}", "5m")
	}
	if want := queries(t); !maps.Equal(got, want) {
		t.Errorf("workbook and alerts hold %q, queries are %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func TestWorkbook_EveryTileFollowsTheTimeRange(t *testing.T) {
	parameters, tiles := workbook(t, "default")
	const timeRangePicker = 4
	same(t, "parameters", len(parameters.Content.Parameters), 1)
	same(t, "its name", parameters.Content.Parameters[0].Name, "TimeRange")
	same(t, "its type", parameters.Content.Parameters[0].Type, timeRangePicker)
	for _, tile := range tiles {
		same(t, "time of "+tile.Name, tile.Content.TimeContext, "TimeRange")
		same(t, "resource of "+tile.Name, tile.Content.ResourceType, "microsoft.insights/components")
		same(t, tile.Name+" is a chart over time", strings.Contains(tile.Content.Query, "{TimeRange:grain}"), tile.Content.Visualization == "timechart")
		same(t, tile.Name+" has steps of its own", strings.Contains(tile.Content.Query, "5m"), false)
	}
}

func TestWorkbook_AndAlertsNameColumnsThatTheirQueriesGive(t *testing.T) {
	given := analyse(t, queries(t))
	_, tiles := workbook(t, "default")
	_, named := alertsOf(t, "alerts")
	for _, tile := range tiles {
		if chart := tile.Content.ChartSettings; tile.Content.Visualization == "timechart" {
			named[tile.Name] = append([]string{chart.XAxis}, chart.YAxis...)
			if chart.Group != "" {
				named[tile.Name] = append(named[tile.Name], chart.Group)
			}
			same(t, "columns of "+tile.Name, len(given[tile.Name].Columns), len(named[tile.Name]))
		}
	}
	for name, columns := range named {
		for _, column := range columns {
			if !slices.Contains(given[name].Columns, column) {
				t.Errorf("%s: %q is none of %q", name, column, given[name].Columns)
			}
		}
	}
}

func TestAlerts_AreThereOnlyWhenAskedFor(t *testing.T) {
	for _, name := range snapshots() {
		s := snapshot(t, name)
		rules, groups := s.OfType("Microsoft.Insights/scheduledQueryRules"), s.OfType("Microsoft.Insights/actionGroups")
		same(t, name+": rules", len(rules) > 0, name == "alerts")
		same(t, name+": action groups", len(groups) > 0, name == "alerts")
	}
}

func TestAlerts_TellTheMailboxAndTheActionGroupsGiven(t *testing.T) {
	s := snapshot(t, "alerts")
	group := one(t, s, "Microsoft.Insights/actionGroups", "")
	same(t, "mailboxes", string(marshal(t, group.At("emailReceivers"))),
		`[{"emailAddress":"ai-operators@contoso.com","name":"operator","useCommonAlertSchema":true}]`)
	insights := one(t, s, "Microsoft.Insights/components", "")
	for _, rule := range s.OfType("Microsoft.Insights/scheduledQueryRules") {
		told, _ := rule.At("actions.actionGroups").([]any)
		same(t, "number told by "+rule.Name, len(told), 2)
		if !slices.Contains(told, any(group.ID)) {
			t.Errorf("%s tells %v", rule.Name, told)
		}
		same(t, "scope of "+rule.Name, string(marshal(t, rule.At("scopes"))), string(marshal(t, []string{insights.ID})))
	}
}

func TestAlerts_TheTablesNameEachQueryAndSeverity(t *testing.T) {
	severities := map[string]string{}
	for _, rule := range snapshot(t, "alerts").OfType("Microsoft.Insights/scheduledQueryRules") {
		file, _, _ := strings.Cut(rule.Name, "-appi-")
		severities[file] = string(marshal(t, rule.At("severity")))
	}
	told := map[string]string{}
	for _, cells := range tableRows(t, "alert | severity | fires when | what it means") {
		told[cells[0]] = cells[1]
	}
	if !maps.Equal(told, severities) {
		t.Errorf("the table says %v, the rules are %v", told, severities)
	}
	var shown []string
	for _, cells := range tableRows(t, "query | shows") {
		shown = append(shown, cells[0])
	}
	_, tiles := workbook(t, "default")
	for _, tile := range tiles {
		if !slices.Contains(shown, tile.Name) {
			t.Errorf("the table does not name %s", tile.Name)
		}
	}
	same(t, "queries in the table", len(shown), len(tiles))
}
