package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// resource is one that stays behind, soft-deleted, when its resource group goes.
type resource struct {
	Name     string `json:"name"`
	Location string `json:"location"`
	Type     string `json:"type"`
}

func (s shell) teardown(ctx context.Context, arguments []string) error {
	f := s.flags("teardown")
	workload := f.String("name", "", "`name` of the workload")
	yes := f.Bool("yes", false, "really delete everything")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	if *workload == "" {
		return errors.New("teardown: -name is needed")
	}
	o, err := s.azOutputs(ctx, *workload)
	if err != nil {
		return err
	}
	group := o["AZURE_RESOURCE_GROUP"]
	left, err := s.softDeleted(ctx, group)
	if err != nil {
		return err
	}
	if !*yes {
		s.say("This would delete the resource group %s, and purge:", group)
		for _, r := range left {
			s.say("  %s (%s)", r.Name, r.Type)
		}
		return errors.New("nothing is deleted: say -yes")
	}
	s.say("deleting the resource group %s; this takes ten minutes or so", group)
	if _, err := s.run(ctx, "az", "group", "delete", "--name", group, "--yes"); err != nil {
		return err
	}
	err = nil
	for _, r := range left {
		err = errors.Join(err, s.purge(ctx, group, r))
	}
	_, last := s.run(ctx, "az", "deployment", "sub", "delete", "--name", deploymentName(*workload))
	return errors.Join(err, last)
}

// softDeleted lists what keeps its name after deletion. Accounts that existed before are in other groups: they stay.
func (s shell) softDeleted(ctx context.Context, group string) ([]resource, error) {
	text, err := s.run(ctx, "az", "resource", "list", "--resource-group", group, "--output", "json",
		"--query", "[?type=='Microsoft.KeyVault/vaults' || type=='Microsoft.CognitiveServices/accounts' || type=='Microsoft.ApiManagement/service'].{name: name, location: location, type: type}")
	if err != nil {
		return nil, err
	}
	var all []resource
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("resources of %s: %w", group, err)
	}
	return all, nil
}

func (s shell) purge(ctx context.Context, group string, r resource) error {
	s.say("purging %s", r.Name)
	var command []string
	switch r.Type {
	case "Microsoft.KeyVault/vaults":
		protected, err := s.run(ctx, "az", "keyvault", "show-deleted", "--name", r.Name, "--query", "properties.purgeProtectionEnabled", "--output", "tsv")
		if err == nil && protected == "true" {
			s.say("  it is protected: its name is free when its retention ends")
			return nil
		}
		command = []string{"keyvault", "purge", "--name", r.Name, "--location", r.Location}
	case "Microsoft.CognitiveServices/accounts":
		command = []string{"cognitiveservices", "account", "purge", "--name", r.Name, "--resource-group", group, "--location", r.Location}
	default:
		command = []string{"apim", "deletedservice", "purge", "--service-name", r.Name, "--location", r.Location}
	}
	_, err := s.run(ctx, "az", command...)
	return err
}
