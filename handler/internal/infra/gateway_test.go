package infra

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func policy(t *testing.T, name string) string {
	t.Helper()
	text := one(t, snapshot(t, name), "Microsoft.ApiManagement/service/apis/policies", "/policies/policy").Text("value")
	if strings.Contains(text, "[[") {
		t.Errorf("%s: a blank of the policy is not filled:\n%s", name, text)
	}
	return text
}

// elements lists the elements of an XML text as "name attribute=value …", in their order.
func elements(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			words := []string{e.Name.Local}
			for _, a := range e.Attr {
				words = append(words, a.Name.Local+"="+a.Value)
			}
			all = append(all, strings.Join(words, " "))
		}
	}
}

func TestPolicy_StreamsAndDoesNotRetry(t *testing.T) {
	for _, name := range snapshots() {
		lines := elements(t, policy(t, name))
		if !slices.Contains(lines, "forward-request timeout=240 buffer-response=false") {
			t.Errorf("%s: the answer is not streamed for 240 s", name)
		}
		for _, line := range lines {
			if word, _, _ := strings.Cut(line, " "); slices.Contains([]string{"retry", "cache-lookup", "cache-store", "log-to-eventhub"}, word) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func TestPolicy_TheCallersCredentialsEndBeforeTheBackendIsSet(t *testing.T) {
	for _, name := range snapshots() {
		lines := elements(t, policy(t, name))
		set := slices.Index(lines, "set-backend-service backend-id=handler")
		for _, gone := range []string{
			"set-header name=api-key exists-action=delete",
			"set-header name=Ocp-Apim-Subscription-Key exists-action=delete",
			"set-header name=Authorization exists-action=delete",
			"set-header name=x-functions-key exists-action=delete",
			"set-header name=x-aoai-gateway exists-action=override",
			"set-header name=x-aoai-caller exists-action=delete",
			"set-query-parameter name=subscription-key exists-action=delete",
			"set-query-parameter name=code exists-action=delete",
		} {
			if at := slices.Index(lines, gone); at < 0 || at > set {
				t.Errorf("%s: %q is at %d, and the backend is set at %d", name, gone, at, set)
			}
		}
	}
}

func TestPolicy_TakesAwayTheKeyWhereverTheAPITakesIt(t *testing.T) {
	for name, header := range map[string]string{"default": "api-key", "three-instances": "Ocp-Apim-Subscription-Key"} {
		api := one(t, snapshot(t, name), "Microsoft.ApiManagement/service/apis", "/apis/openai")
		same(t, "header", api.Text("subscriptionKeyParameterNames.header"), header)
		lines := elements(t, policy(t, name))
		for _, gone := range []string{
			"set-header name=" + header,
			"set-query-parameter name=" + api.Text("subscriptionKeyParameterNames.query"),
		} {
			if !slices.Contains(lines, gone+" exists-action=delete") {
				t.Errorf("%s: %q stays", name, gone)
			}
		}
	}
}

func TestPolicy_EntraCallersAreCheckedLimitedAndNamed(t *testing.T) {
	lines := strings.Join(elements(t, policy(t, "entra")), "\n")
	for _, want := range []string{
		"validate-azure-ad-token tenant-id=00000000-0000-0000-0000-0000000000ff header-name=Authorization",
		"llm-token-limit counter-key=@((string)context.Variables[\"caller\"]) tokens-per-minute=5000",
		"set-header name=x-aoai-caller exists-action=override",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("the policy has no %q:\n%s", want, lines)
		}
	}
	for _, want := range []string{
		"<application-id>00000000-0000-0000-0000-00000000000a</application-id><application-id>00000000-0000-0000-0000-00000000000b</application-id>",
		"<audience>api://contoso-openai</audience><audience>https://cognitiveservices.azure.com</audience>",
	} {
		if !strings.Contains(policy(t, "entra"), want) {
			t.Errorf("the policy has no %q", want)
		}
	}
	api := one(t, snapshot(t, "entra"), "Microsoft.ApiManagement/service/apis", "/apis/openai")
	same(t, "subscriptionRequired", api.At("subscriptionRequired"), any(false))
	same(t, "number of subscriptions", len(snapshot(t, "entra").OfType("Microsoft.ApiManagement/service/subscriptions")), 0)
}

func TestPolicy_WithoutParametersChecksNoTokenAndLimitsNothing(t *testing.T) {
	text := policy(t, "default")
	for _, unwanted := range []string{"validate-azure-ad-token", "llm-token-limit", `name="x-aoai-caller" exists-action="override"`} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the policy has %q", unwanted)
		}
	}
	api := one(t, snapshot(t, "default"), "Microsoft.ApiManagement/service/apis", "/apis/openai")
	same(t, "subscriptionRequired", api.At("subscriptionRequired"), any(true))
}

func TestBackend_ItsAddressEndsInThePathThatAPIManagementStrips(t *testing.T) {
	for _, name := range snapshots() {
		s := snapshot(t, name)
		url, err := Evaluate(one(t, s, "Microsoft.ApiManagement/service/backends", "/handler").Text("url"), func(string) (any, error) {
			return "func.azurewebsites.net", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "path of the API", one(t, s, "Microsoft.ApiManagement/service/apis", "/apis/openai").Text("path"), "openai")
		same(t, "address of the backend", url, any("https://func.azurewebsites.net/openai"))
	}
}

func TestBackend_OpensTheAppWithTheSecretNamedValue(t *testing.T) {
	for _, name := range snapshots() {
		backend := one(t, snapshot(t, name), "Microsoft.ApiManagement/service/backends", "/handler")
		same(t, "credentials", string(marshal(t, backend.At("credentials"))), `{"header":{"x-functions-key":["{{function-key}}"]}}`)
	}
}

func TestAPI_CarriesEveryMethodAndPath(t *testing.T) {
	var catchAll []string
	for _, o := range snapshot(t, "default").OfType("Microsoft.ApiManagement/service/apis/operations") {
		if o.Text("urlTemplate") == "/*" {
			catchAll = append(catchAll, o.Text("method"))
		}
		declared, _ := o.At("templateParameters").([]any)
		same(t, "declared parameters of "+o.Text("urlTemplate"), len(declared), strings.Count(o.Text("urlTemplate"), "{"))
	}
	slices.Sort(catchAll)
	if want := []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}; !slices.Equal(catchAll, want) {
		t.Errorf("catch-all operations are for %q, want %q", catchAll, want)
	}
}

func TestAPI_LogsNoBodiesAndNoKeys(t *testing.T) {
	for _, name := range snapshots() {
		d := one(t, snapshot(t, name), "Microsoft.ApiManagement/service/apis/diagnostics", "/applicationinsights")
		for _, part := range []string{"frontend.request", "frontend.response", "backend.request", "backend.response"} {
			same(t, part+" body", d.At(part+".body.bytes"), any(0.0))
			same(t, part+" headers", string(marshal(t, d.At(part+".headers"))), "[]")
			if masked := string(marshal(t, d.At(part+".dataMasking"))); !strings.Contains(masked, `"subscription-key"`) || !strings.Contains(masked, `"code"`) {
				t.Errorf("%s: the query of %s shows keys: %s", name, part, masked)
			}
		}
	}
}
