package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// status prints the address of the status page. It holds the function key, without which the host answers nothing.
func (s shell) status(ctx context.Context, arguments []string) error {
	f := s.flags("status")
	name := f.String("name", "", "`workload` that was deployed by the Azure CLI; azd's environment without it")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	o, err := s.outputs(ctx, *name)
	if err != nil {
		return err
	}
	address, err := s.statusPage(ctx, o)
	if err != nil {
		return err
	}
	s.say("%s\n\nThis address holds the function key: whoever has it can call the models.", address)
	return nil
}

func (s shell) statusPage(ctx context.Context, o outputs) (string, error) {
	var site struct {
		Properties struct {
			DefaultHostName string `json:"defaultHostName"`
		} `json:"properties"`
	}
	var keys struct {
		FunctionKeys map[string]string `json:"functionKeys"`
	}
	app := "Microsoft.Web/sites/" + o["AZURE_FUNCTION_APP_NAME"]
	const version = "?api-version=2025-03-01"
	if err := s.manage(ctx, o, http.MethodGet, app+version, &site); err != nil {
		return "", fmt.Errorf("looking for the function app: %w", err)
	}
	if err := s.manage(ctx, o, http.MethodPost, app+"/host/default/listKeys"+version, &keys); err != nil {
		return "", fmt.Errorf("fetching the function key: %w", err)
	}
	key := keys.FunctionKeys["default"]
	if key == "" {
		return "", errors.New("the function app has no host key called default")
	}
	query := url.Values{"code": {key}}
	return "https://" + site.Properties.DefaultHostName + "/status?" + query.Encode(), nil
}
