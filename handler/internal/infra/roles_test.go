package infra

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableRows gives the rows of the table in infra/README.md whose head begins with the words given; each row is its
// cells, without the marks of code.
func tableRows(t *testing.T, head string) [][]string {
	t.Helper()
	_, after, found := strings.Cut(read(t, "infra/README.md"), "\n| "+head+" |")
	if !found {
		t.Fatalf("infra/README.md has no table %q", head)
	}
	lines := strings.Split(after, "\n")
	var rows [][]string
	for _, line := range lines[2:] {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cell), "`", "")
		}
		rows = append(rows, cells)
	}
	return rows
}

// roleNames are the built-in roles in use (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
func roleNames() map[string]string {
	return map[string]string{
		"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
		"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
		"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
		"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
		"5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
	}
}

// assignments writes the role assignments of a snapshot as rows of the table.
func assignments(t *testing.T, s Snapshot) []string {
	t.Helper()
	var rows []string
	for _, a := range s.OfType("Microsoft.Authorization/roleAssignments") {
		same(t, "principalType of "+a.Text("description"), a.Text("principalType"), "ServicePrincipal")
		definition := a.Text("roleDefinitionId")
		rows = append(rows, strings.Join([]string{
			holder(a.Text("principalId")), roleNames()[definition[strings.LastIndexByte(definition, '/')+1:]], scope(a.ID), a.Text("description"),
		}, " | "))
	}
	return rows
}

func holder(principalID string) string {
	switch {
	case strings.Contains(principalID, "'apiManagementIdentity"):
		return "API Management"
	case strings.Contains(principalID, "'handlerIdentity"), strings.HasSuffix(principalID, ".outputs.handlerPrincipalId.value]"):
		return "handler"
	}
	return principalID
}

// scope names what a role assignment is on. Its ID is extensionResourceId('<scope>', …).
func scope(id string) string {
	kind := regexp.MustCompile(`^\[extensionResourceId\('/subscriptions/[^']*/providers/([^/]+/[^/]+)/[^/']+', `).FindStringSubmatch(id)
	if kind == nil {
		return "something wider: " + id
	}
	return map[string]string{
		"Microsoft.Storage/storageAccounts":    "storage account",
		"Microsoft.KeyVault/vaults":            "key vault",
		"Microsoft.Insights/components":        "Application Insights",
		"Microsoft.CognitiveServices/accounts": "account",
	}[kind[1]]
}

func TestRoles_AreThoseOfTheTableAndNoOthers(t *testing.T) {
	var all []string
	for _, cells := range tableRows(t, "who | role | on | why") {
		all = append(all, strings.Join(cells, " | "))
	}
	same(t, "rows of the table", len(all), 7)
	for name, want := range map[string][]string{
		"default":           all[:6],
		"three-instances":   all[:6],
		"network-isolation": all[:5],
		"entra":             append(slices.Clone(all), all[6]), // one account each
	} {
		got := assignments(t, snapshot(t, name))
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			t.Errorf("%s: roles are\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
