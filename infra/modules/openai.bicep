metadata name = 'Azure OpenAI'
metadata description = 'All the Azure OpenAI accounts, new and existing, and how the handler gets into each.'

targetScope = 'subscription'

import { modelDeploymentType, openAIAuthenticationType, openAIInstanceType, openAIKeySecretName } from 'types.bicep'

@description('The accounts.')
param instances openAIInstanceType[]

@description('Deployments of a new account that names none of its own.')
param defaultDeployments modelDeploymentType[]

@description('How the handler proves itself to an account that does not say otherwise.')
param defaultAuthentication openAIAuthenticationType

@description('Which of the two keys of each account is stored in the vault.')
param key 'key1' | 'key2'

@description('First part of the name of a new account that has none; its suffix follows.')
param namePrefix string

@description('Resource group of new accounts and of the vault.')
param resourceGroupName string

@description('Name of the vault.')
param keyVaultName string

@description('Object ID of the handler\'s identity.')
param principalId string

@description('Workspace that gets the audit logs of new accounts.')
param logAnalyticsResourceId string

@description('Tags.')
param tags object

// An account belongs to this deployment unless it is given by its resource ID,
// /subscriptions/{2}/resourceGroups/{4}/providers/Microsoft.CognitiveServices/accounts/{8}.
var accounts = [
  for instance in instances: {
    isNew: empty(instance.?resourceId)
    subscriptionId: empty(instance.?resourceId) ? subscription().subscriptionId : split(instance.resourceId!, '/')[2]
    resourceGroupName: empty(instance.?resourceId) ? resourceGroupName : split(instance.resourceId!, '/')[4]
    name: empty(instance.?resourceId)
      ? (empty(instance.?name) ? '${namePrefix}${instance.suffix}' : instance.name!)
      : split(instance.resourceId!, '/')[8]
    deployments: instance.?deployments ?? (empty(instance.?resourceId) ? defaultDeployments : [])
    authentication: instance.?authentication ?? defaultAuthentication
  }
]

resource resourceGroup 'Microsoft.Resources/resourceGroups@2025-04-01' existing = {
  name: resourceGroupName
}

module newAccounts 'openai-account.bicep' = [
  for (account, i) in accounts: if (account.isNew) {
    scope: resourceGroup
    params: {
      name: account.name
      location: instances[i].?location ?? fail('openAIInstances: ${instances[i].suffix} needs a location or a resourceId.')
      tags: tags
      disableLocalAuth: account.authentication == 'entra'
      logAnalyticsResourceId: logAnalyticsResourceId
    }
  }
]

module deployments 'openai-deployments.bicep' = [
  for (account, i) in accounts: {
    scope: az.resourceGroup(account.subscriptionId, account.resourceGroupName)
    params: { accountName: account.name, deployments: account.deployments }
    dependsOn: [newAccounts[i]]
  }
]

module keys 'openai-key.bicep' = [
  for (account, i) in accounts: if (account.authentication == 'key') {
    scope: resourceGroup
    params: {
      accountSubscriptionId: account.subscriptionId
      accountResourceGroupName: account.resourceGroupName
      accountName: account.name
      key: key
      keyVaultName: keyVaultName
      secretName: openAIKeySecretName(instances[i].suffix)
      tags: tags
    }
    dependsOn: [newAccounts[i]]
  }
]

module roles 'openai-role.bicep' = [
  for (account, i) in accounts: if (account.authentication == 'entra') {
    scope: az.resourceGroup(account.subscriptionId, account.resourceGroupName)
    params: { accountName: account.name, principalId: principalId }
    dependsOn: [newAccounts[i]]
  }
]

@description('Addresses of the accounts, in their order.')
output endpoints string[] = [for (instance, i) in instances: deployments[i].outputs.endpoint]

@description('What the accounts are, without their keys.')
output accounts array = [
  for (instance, i) in instances: {
    id: deployments[i].outputs.resourceId
    name: accounts[i].name
    endpoint: deployments[i].outputs.endpoint
    location: deployments[i].outputs.location
    suffix: instance.suffix
  }
]
