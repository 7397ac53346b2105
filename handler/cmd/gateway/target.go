package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// outputs are the outputs of infra/main.bicep, by name, whichever tool deployed it.
type outputs map[string]string

// outputs finds what is deployed: in the environment, as in a hook of azd; in azd's environment; or, when a workload is
// named, in its deployment by the Azure CLI.
func (s shell) outputs(ctx context.Context, workload string) (outputs, error) {
	if workload != "" {
		return s.azOutputs(ctx, workload)
	}
	found := outputs{}
	for _, name := range []string{
		"GATEWAY_URL", "GATEWAY_KEY_HEADER", "GATEWAY_CHAT_DEPLOYMENT", "AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP",
		"AZURE_API_MANAGEMENT_NAME", "AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME", "AZURE_FUNCTION_APP_NAME",
	} {
		found[name] = s.getenv(name)
	}
	if found["GATEWAY_URL"] != "" {
		return found, nil
	}
	text, err := s.run(ctx, "azd", "env", "get-values")
	if err != nil {
		return nil, fmt.Errorf("nothing is known of a deployment; name it with -name, or its address with -url: %w", err)
	}
	found = dotenv(text)
	if found["GATEWAY_URL"] == "" {
		return nil, errors.New("azd's environment has no GATEWAY_URL: run azd up first")
	}
	return found, nil
}

// dotenv reads lines such as NAME="value", as azd prints them.
func dotenv(text string) outputs {
	all := outputs{}
	for line := range strings.SplitSeq(text, "\n") {
		name, quoted, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			value = quoted
		}
		all[name] = value
	}
	return all
}

func (s shell) azOutputs(ctx context.Context, workload string) (outputs, error) {
	text, err := s.run(ctx, "az", "deployment", "sub", "show", "--name", deploymentName(workload), "--query", "properties.outputs", "--output", "json")
	if err != nil {
		return nil, err
	}
	var values map[string]struct {
		Value any `json:"value"`
	}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("outputs of the deployment: %w", err)
	}
	all := outputs{}
	for name, v := range values {
		// Azure Resource Manager may change the case of an output's name.
		if text, ok := v.Value.(string); ok {
			all[strings.ToUpper(name)] = text
		}
	}
	all["AZURE_SUBSCRIPTION_ID"], err = s.run(ctx, "az", "account", "show", "--query", "id", "--output", "tsv")
	return all, err
}

// token gets an Entra token of the person who is signed in, from the Azure CLI or, where it is absent, from azd.
func (s shell) token(ctx context.Context, resource string) (string, error) {
	token, errAz := s.run(ctx, "az", "account", "get-access-token", "--resource", resource, "--query", "accessToken", "--output", "tsv")
	if errAz == nil {
		return token, nil
	}
	text, err := s.run(ctx, "azd", "auth", "token", "--scope", resource+"/.default", "--output", "json")
	if err != nil {
		return "", errors.Join(errAz, err)
	}
	var answer struct {
		Token string `json:"token"`
	}
	err = json.Unmarshal([]byte(text), &answer)
	return answer.Token, err
}

// subscriptionKey fetches the key that callers use. The person needs the right to list secrets in API Management.
func (s shell) subscriptionKey(ctx context.Context, o outputs) (string, error) {
	var keys struct {
		PrimaryKey string `json:"primaryKey"`
	}
	err := s.manage(ctx, o, http.MethodPost, fmt.Sprintf("Microsoft.ApiManagement/service/%s/subscriptions/%s/listSecrets?api-version=2024-05-01",
		o["AZURE_API_MANAGEMENT_NAME"], o["AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME"]), &keys)
	if err != nil {
		return "", fmt.Errorf("fetching the subscription key: %w", err)
	}
	return keys.PrimaryKey, nil
}

// manage asks Azure Resource Manager about a resource of the gateway's group.
func (s shell) manage(ctx context.Context, o outputs, method, resource string, answer any) error {
	token, err := s.token(ctx, "https://management.azure.com")
	if err != nil {
		return err
	}
	address := fmt.Sprintf("%s/subscriptions/%s/resourceGroups/%s/providers/%s", s.management, o["AZURE_SUBSCRIPTION_ID"], o["AZURE_RESOURCE_GROUP"], resource)
	request, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return json.Unmarshal(text, answer)
}
