metadata name = 'Gateway'
metadata description = 'API Management, the API that callers see, and the way from there to the handler.'

import { apiManagementSkuType, entraCallersType } from 'types.bicep'

@description('Name of API Management.')
param apiManagementName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('SKU of API Management. In a virtual network one that cannot join it is raised to StandardV2.')
param sku apiManagementSkuType

@description('Scale units of API Management.')
param capacity int

@description('E-mail address that Azure sends notices about the service to.')
param publisherEmail string

@description('Name of the publisher.')
param publisherName string

@description('Name of API Management\'s identity.')
param identityName string

@description('Name of Application Insights.')
param applicationInsightsName string

@description('Name of the function app.')
param functionAppName string

@description('Name of the vault.')
param keyVaultName string

@description('Header that callers send the subscription key in.')
param subscriptionKeyHeader string

@description('Entra callers that are let in. Null: callers use a subscription key.')
param entraCallers entraCallersType?

@description('Tokens a minute for each caller. 0: no limit.')
param tokensPerMinute int

@description('Whether the handler is told who called.')
param tellCaller bool

@description('Whether API Management reaches the function app through a virtual network.')
param networkIsolation bool

@description('Name of the virtual network.')
param virtualNetworkName string

var canJoinNetwork = contains(['StandardV2', 'PremiumV2'], sku)

resource functionApp 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

module apiManagement 'api-management.bicep' = {
  params: {
    name: apiManagementName
    location: location
    tags: tags
    sku: networkIsolation && !canJoinNetwork ? 'StandardV2' : sku
    capacity: capacity
    publisherEmail: publisherEmail
    publisherName: publisherName
    identityName: identityName
    applicationInsightsName: applicationInsightsName
    networkIsolation: networkIsolation
    virtualNetworkName: virtualNetworkName
  }
}

module functionAppEndpoint 'private-endpoint.bicep' = if (networkIsolation) {
  params: {
    name: 'pep-${functionAppName}'
    location: location
    tags: tags
    serviceResourceId: functionApp.id
    groupId: 'sites'
    dnsZoneName: 'privatelink.azurewebsites.net'
    virtualNetworkName: virtualNetworkName
  }
}

module api 'openai-api.bicep' = {
  params: {
    apiManagementName: apiManagementName
    subscriptionRequired: entraCallers == null
    subscriptionKeyHeader: subscriptionKeyHeader
  }
  dependsOn: [apiManagement]
}

module routing 'openai-routing.bicep' = {
  params: {
    apiManagementName: apiManagementName
    identityName: identityName
    functionAppName: functionAppName
    keyVaultName: keyVaultName
    functionKeyInVault: !networkIsolation
    entraCallers: entraCallers
    tokensPerMinute: tokensPerMinute
    tellCaller: tellCaller
    tags: tags
  }
  // Last, because it reads the function key: the host refuses that while its roles, storage or endpoints are on the way.
  dependsOn: [api, functionAppEndpoint]
}

@description('Resource ID of API Management.')
output resourceId string = apiManagement.outputs.resourceId

@description('Address that callers use, without the path of the API.')
output gatewayUrl string = apiManagement.outputs.gatewayUrl

@description('Name of the subscription whose key callers use. Empty where callers use Entra.')
output subscriptionName string = api.outputs.subscriptionName
