metadata name = 'Foundation'
metadata description = 'What the function app and API Management stand on: identities, logs with their workbook and alerts, storage, vault, roles, and the network of an isolated gateway.'

import { alertsType, foundationNamesType } from 'types.bicep'

@description('Names of the resources.')
param names foundationNamesType

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Container that deployment packages are published to.')
param deploymentContainerName string

@description('Table of the turn counter.')
param counterTableName string

@description('Whether a deleted vault cannot be purged before its retention ends.')
param keyVaultPurgeProtection bool

@description('Name of the workload, for what people see.')
param workloadName string

@description('Which alerts there are, and whom they tell.')
param alerts alertsType

@description('Days that logs are kept.')
param logRetentionInDays int

@description('Whether storage is spread over availability zones.')
param zoneRedundant bool

@description('Whether storage and vault are reached through a virtual network only.')
param networkIsolation bool

@description('Address range of the virtual network, /24 or larger.')
param virtualNetworkAddressPrefix string

module handlerIdentity 'identity.bicep' = {
  params: { name: names.handlerIdentity, location: location, tags: tags }
}

module apiManagementIdentity 'identity.bicep' = {
  params: { name: names.apiManagementIdentity, location: location, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  params: {
    logAnalyticsName: names.logAnalytics
    applicationInsightsName: names.applicationInsights
    location: location
    tags: tags
    retentionInDays: logRetentionInDays
  }
}

module workbook 'workbook.bicep' = {
  params: {
    displayName: '${workloadName}: Azure OpenAI gateway'
    location: location
    tags: tags
    applicationInsightsName: names.applicationInsights
  }
  dependsOn: [monitoring]
}

module alertRules 'alerts.bicep' = if (alerts.?enabled ?? false) {
  params: {
    alerts: alerts
    workloadName: workloadName
    location: location
    tags: tags
    applicationInsightsName: names.applicationInsights
  }
  dependsOn: [monitoring]
}

module storage 'storage.bicep' = {
  params: {
    name: names.storageAccount
    location: location
    tags: tags
    deploymentContainerName: deploymentContainerName
    counterTableName: counterTableName
    isolated: networkIsolation
    zoneRedundant: zoneRedundant
  }
}

module keyVault 'key-vault.bicep' = {
  params: {
    name: names.keyVault
    location: location
    tags: tags
    purgeProtection: keyVaultPurgeProtection
    logAnalyticsResourceId: monitoring.outputs.logAnalyticsResourceId
    isolated: networkIsolation
  }
}

module network 'network.bicep' = if (networkIsolation) {
  params: {
    name: names.virtualNetwork
    location: location
    tags: tags
    addressPrefix: virtualNetworkAddressPrefix
  }
}

// The name of a part of a service, and of the private DNS zone that leads to it.
var isolatedParts = [
  { service: names.storageAccount, groupId: 'blob', dnsZoneName: 'privatelink.blob.${environment().suffixes.storage}' }
  {
    service: names.storageAccount
    groupId: 'table'
    dnsZoneName: 'privatelink.table.${environment().suffixes.storage}'
  }
  {
    service: names.keyVault
    groupId: 'vault'
    dnsZoneName: 'privatelink${replace(environment().suffixes.keyvaultDns, 'vault.', 'vaultcore.')}'
  }
]

// A virtual network takes one new endpoint at a time; a second one meanwhile may be refused
// (Azure/bicep-registry-modules issue 962).
@batchSize(1)
module endpoints 'private-endpoint.bicep' = [
  for part in isolatedParts: if (networkIsolation) {
    params: {
      name: 'pep-${part.service}-${part.groupId}'
      location: location
      tags: tags
      serviceResourceId: part.service == names.keyVault ? keyVault.outputs.resourceId : storage.outputs.resourceId
      groupId: part.groupId
      dnsZoneName: part.dnsZoneName
      virtualNetworkName: names.virtualNetwork
    }
    dependsOn: [network]
  }
]

module roles 'roles.bicep' = {
  params: {
    #disable-next-line what-if-short-circuiting // An identity made anew needs assignments of a new name: Azure does not let one change hands.
    handlerPrincipalId: handlerIdentity.outputs.principalId
    #disable-next-line what-if-short-circuiting // As above.
    apiManagementPrincipalId: apiManagementIdentity.outputs.principalId
    storageAccountName: names.storageAccount
    keyVaultName: names.keyVault
    applicationInsightsName: names.applicationInsights
    apiManagementReadsVault: !networkIsolation
  }
  dependsOn: [keyVault, monitoring, storage]
}

@description('Resource ID of the handler\'s identity.')
output handlerIdentityResourceId string = handlerIdentity.outputs.resourceId

@description('Object ID of the handler\'s identity.')
output handlerPrincipalId string = handlerIdentity.outputs.principalId

@description('Client ID of the handler\'s identity.')
output handlerClientId string = handlerIdentity.outputs.clientId

@description('Resource ID of the workspace.')
output logAnalyticsResourceId string = monitoring.outputs.logAnalyticsResourceId

@description('Resource ID of the vault.')
output keyVaultResourceId string = keyVault.outputs.resourceId

@description('Address of the vault.')
output keyVaultUri string = keyVault.outputs.uri
