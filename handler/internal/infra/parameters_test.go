package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// azdParameters reads main.parameters.json: by parameter, its value as azd sees it.
func azdParameters(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Parameters map[string]struct {
			Value string `json:"value"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal([]byte(read(t, "infra/main.parameters.json")), &file); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for name, p := range file.Parameters {
		values[name] = p.Value
	}
	return values
}

// azdVariable splits "${NAME=default}".
func azdVariable(t *testing.T, value string) (name, byDefault string) {
	t.Helper()
	parts := regexp.MustCompile(`^\$\{([A-Z_]+)(?:=([^}]*))?\}$`).FindStringSubmatch(value)
	if parts == nil {
		t.Fatalf("%q is no variable of azd", value)
	}
	return parts[1], parts[2]
}

func TestParameters_EachIsAVariableOfAzd(t *testing.T) {
	want := slices.Sorted(maps.Keys(template(t).Parameters))
	if got := slices.Sorted(maps.Keys(azdParameters(t))); !slices.Equal(got, want) {
		t.Errorf("main.parameters.json has %q, main.bicep %q", got, want)
	}
}

func TestParameters_TheTableNamesEachWithItsVariable(t *testing.T) {
	want := azdParameters(t)
	rows := tableRows(t, "parameter | azd variable | default")
	for _, cells := range rows {
		variable, _ := azdVariable(t, want[cells[0]])
		same(t, "variable of "+cells[0], cells[1], variable)
	}
	same(t, "number of rows", len(rows), len(want))
}

// azd gives an empty text where a variable is not set, which stands in for no default but "".
func TestParameters_PlainDefaultsAreThoseOfTheTemplate(t *testing.T) {
	whole := template(t)
	for name, value := range azdParameters(t) {
		_, byDefault := azdVariable(t, value)
		switch d := whole.Parameters[name].DefaultValue.(type) {
		case string, bool, float64:
			same(t, "default of "+name, byDefault, fmt.Sprint(d))
		default:
			same(t, "default of "+name, byDefault, "")
		}
	}
}

func TestParameters_OnlyNameAndRegionAreAskedFor(t *testing.T) {
	var asked []string
	for name, p := range template(t).Parameters {
		if p.DefaultValue == nil {
			asked = append(asked, name)
		}
		if p.Metadata["description"] == nil {
			t.Errorf("%s is not described", name)
		}
	}
	slices.Sort(asked)
	if want := []string{"location", "workloadName"}; !slices.Equal(asked, want) {
		t.Errorf("azd asks for %q, want %q", asked, want)
	}
}

func TestParameters_AnInstanceWithoutARegionIsRefusedByName(t *testing.T) {
	needBicep(t)
	file := filepath.Join(t.TempDir(), "wrong.bicepparam")
	main := filepath.ToSlash(filepath.Join(root(t), "infra", "main.bicep"))
	relative, err := filepath.Rel(filepath.Dir(file), main)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, "using '"+filepath.ToSlash(relative)+"'\nparam workloadName = 'w'\nparam location = 'westeurope'\nparam openAIInstances = [{ suffix: 'lost' }]\n")
	said, err := exec.CommandContext(t.Context(), "bicep", "snapshot", file, "--mode", "overwrite",
		"--subscription-id", "00000000-0000-0000-0000-000000000001", "--location", "westeurope").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "lost needs a location or a resourceId") {
		t.Errorf("%v: %s", err, said)
	}
}
