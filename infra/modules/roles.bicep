metadata name = 'Roles'
metadata description = 'Every role that the two identities hold in the resource group of the gateway, each with its reason.'

import { roleDefinitionIds } from 'types.bicep'

@description('Object ID of the handler\'s identity.')
param handlerPrincipalId string

@description('Object ID of API Management\'s identity.')
param apiManagementPrincipalId string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the vault.')
param keyVaultName string

@description('Name of Application Insights.')
param applicationInsightsName string

@description('Whether API Management reads the function key from the vault.')
param apiManagementReadsVault bool

resource storageAccount 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName
}

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

// Role assignments take minutes to spread. principalType spares Azure a look-up of an identity that is seconds old,
// which would fail.
resource handlerBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageAccount.id, handlerPrincipalId, roleDefinitionIds.storageBlobDataOwner)
  scope: storageAccount
  properties: {
    principalId: handlerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.storageBlobDataOwner
    )
    description: 'The Functions host keeps its keys and leases in containers that it creates, and mounts the deployment package.'
  }
}

resource handlerTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageAccount.id, handlerPrincipalId, roleDefinitionIds.storageTableDataContributor)
  scope: storageAccount
  properties: {
    principalId: handlerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.storageTableDataContributor
    )
    description: 'The handler counts turns in a table, and creates the table where it is missing.'
  }
}

resource handlerSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(keyVault.id, handlerPrincipalId, roleDefinitionIds.keyVaultSecretsUser)
  scope: keyVault
  properties: {
    principalId: handlerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.keyVaultSecretsUser
    )
    description: 'The handler reads the keys of the Azure OpenAI accounts.'
  }
}

resource handlerMetrics 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, handlerPrincipalId, roleDefinitionIds.monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: handlerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.monitoringMetricsPublisher
    )
    description: 'The Functions host sends telemetry to Application Insights, which takes no instrumentation key.'
  }
}

resource apiManagementMetrics 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, apiManagementPrincipalId, roleDefinitionIds.monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: apiManagementPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.monitoringMetricsPublisher
    )
    description: 'API Management sends telemetry to Application Insights, which takes no instrumentation key.'
  }
}

resource apiManagementSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (apiManagementReadsVault) {
  name: guid(keyVault.id, apiManagementPrincipalId, roleDefinitionIds.keyVaultSecretsUser)
  scope: keyVault
  properties: {
    principalId: apiManagementPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.keyVaultSecretsUser
    )
    description: 'API Management reads the function key. A role on that one secret would have to wait for the secret, which is written last.'
  }
}
