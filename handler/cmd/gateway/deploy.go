package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// publishTries is how often the package is published: the first time, roles may still be spreading.
const publishTries = 10

func deploymentName(workload string) string { return "aoai-balancer-" + workload }

func (s shell) deploy(ctx context.Context, arguments []string) error {
	f := s.flags("deploy")
	workload := f.String("name", "", "`name` of the workload; names of resources are derived from it")
	location := f.String("location", "westeurope", "`region` of everything but the Azure OpenAI accounts")
	parameters := f.String("parameters", "", "`file` with further parameters (JSON), or NAME=VALUE")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	if *workload == "" {
		return errors.New("deploy: -name is needed")
	}
	if err := s.create(ctx, *workload, *location, *parameters); err != nil {
		return err
	}
	o, err := s.azOutputs(ctx, *workload)
	if err != nil {
		return err
	}
	if err := s.publish(ctx, o); err != nil {
		return err
	}
	s.showHint(o, *workload)
	return nil
}

func (s shell) create(ctx context.Context, workload, location, parameters string) error {
	who, err := s.run(ctx, "az", "account", "show", "--query", "join(' ', ['subscription', name])", "--output", "tsv")
	if err != nil {
		return fmt.Errorf("sign in first, with az login: %w", err)
	}
	s.say("packing the handler")
	if _, err := s.run(ctx, "go", "run", "./handler/cmd/pack"); err != nil {
		return err
	}
	s.say("creating %q in %s, %s; this takes ten minutes or so", workload, location, who)
	command := []string{
		"deployment", "sub", "create", "--name", deploymentName(workload), "--location", location,
		"--template-file", "infra/main.bicep", "--output", "none",
		"--parameters", "workloadName=" + workload, "location=" + location,
	}
	if parameters != "" {
		command = append(command, "--parameters", parameters)
	}
	_, err = s.run(ctx, "az", command...)
	return err
}

func (s shell) publish(ctx context.Context, o outputs) error {
	s.say("publishing the handler")
	for try := 1; ; try++ {
		_, err := s.run(ctx, "az", "functionapp", "deployment", "source", "config-zip", "--src", "dist/app.zip",
			"--resource-group", o["AZURE_RESOURCE_GROUP"], "--name", o["AZURE_FUNCTION_APP_NAME"], "--output", "none")
		if err == nil || try == publishTries {
			return err
		}
		s.say("%v; trying again in %v", err, 30*time.Second)
		if stopped := s.pause(ctx, 30*time.Second); stopped != nil {
			return stopped
		}
	}
}

func (s shell) hint(ctx context.Context, arguments []string) error {
	f := s.flags("hint")
	workload := f.String("name", "", "`workload` that \"gateway deploy\" deployed; default: azd's environment")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	o, err := s.outputs(ctx, *workload)
	if err != nil {
		return err
	}
	s.showHint(o, *workload)
	return nil
}

// showHint shows no key: what a hook prints ends in logs.
func (s shell) showHint(o outputs, workload string) {
	call := "go run ./handler/cmd/gateway smoke"
	if workload != "" {
		call += " -name " + workload
	}
	s.say("\nThe gateway is  %s/openai\nCall it with    %s\n", strings.TrimSuffix(o["GATEWAY_URL"], "/"), call)
}
