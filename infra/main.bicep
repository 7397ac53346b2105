metadata name = 'Load balancer for Azure OpenAI'
metadata description = 'API Management in front of a function app that takes turns over Azure OpenAI accounts.'

targetScope = 'subscription'

import {
  alertsType
  apiManagementSkuType
  counterTableName
  entraCallersType
  functionAppScaleType
  modelDeploymentType
  openAIAuthenticationType
  openAIInstanceType
  openAIKeySecretName
  resourceNamesType
} from 'modules/types.bicep'
import { handlerSettingsType } from 'modules/handler-settings.bicep'

@description('Name of the workload; azd passes the name of its environment. Names of resources are derived from it.')
@minLength(1)
@maxLength(64)
param workloadName string

@description('Region of everything but the Azure OpenAI accounts. The list holds the regions that have both Flex Consumption and the v2 SKUs of API Management.')
@allowed([
  'australiaeast'
  'australiasoutheast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'italynorth'
  'japaneast'
  'koreacentral'
  'northcentralus'
  'northeurope'
  'norwayeast'
  'southafricanorth'
  'southcentralus'
  'southindia'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'ukwest'
  'westeurope'
  'westus'
  'westus2'
])
@metadata({ azd: { type: 'location' } })
param location string

@description('Name of the resource group. Empty: derived from the workload.')
@maxLength(90)
param resourceGroupName string = ''

@description('Tags of every resource.')
param tags object = {}

@description('Name of the handler\'s identity. Empty: derived from the workload.')
param managedIdentityName string = ''

@description('Name of the key vault. Empty: derived from the workload.')
@maxLength(24)
param keyVaultName string = ''

@description('Names of the remaining resources, where the derived ones do not suit.')
param resourceNames resourceNamesType = {}

@description('Azure OpenAI accounts, new or existing: one backend each.')
@minLength(1)
@maxLength(64)
param openAIInstances openAIInstanceType[] = [
  { suffix: 'weu', location: 'westeurope' }
  { suffix: 'eus', location: 'eastus' }
]

@description('Chat deployment of every new account that names no deployments of its own.')
param chatDeployment modelDeploymentType = {
  name: 'gpt-5.4-mini'
  model: { name: 'gpt-5.4-mini', version: '2026-03-17' }
  sku: { name: 'GlobalStandard', capacity: 10 }
}

@description('Embedding deployment of every new account that names no deployments of its own.')
param embeddingDeployment modelDeploymentType = {
  name: 'text-embedding-3-small'
  model: { name: 'text-embedding-3-small', version: '1' }
  sku: { name: 'GlobalStandard', capacity: 10 }
}

@description('How the handler proves itself to the accounts: with their keys from the vault, or with Entra tokens. Choose entra where a policy switches keys off.')
param openAIAuthentication openAIAuthenticationType = 'key'

@description('Which of the two keys of each account is stored in the vault. Change it in a rotation.')
param openAIKey 'key1' | 'key2' = 'key1'

@description('App settings of the handler that differ from their defaults. A change recycles the instances, and with them running streams.')
param handlerSettings handlerSettingsType = {}

@description('How far the function app scales: most and always-ready instances, memory, requests at once.')
param functionAppScale functionAppScaleType = {}

@description('Whether function app and storage are spread over availability zones. Not every region has them.')
param zoneRedundant bool = false

@description('Name of API Management. Empty: derived from the workload.')
@maxLength(50)
param apiManagementName string = ''

@description('E-mail address that Azure sends notices about API Management to. Empty: that of the deployer, if there is one.')
@maxLength(100)
param apiManagementPublisherEmail string = ''

@description('Name of the publisher. Empty: the workload.')
@maxLength(100)
param apiManagementPublisherName string = ''

@description('SKU of API Management. The default deploys in minutes and streams; the classic ones take most of an hour.')
param apiManagementSku apiManagementSkuType = 'BasicV2'

@description('Scale units of API Management.')
@minValue(1)
@maxValue(30)
param apiManagementCapacity int = 1

@description('Header that callers send their subscription key in. The default is what Azure OpenAI SDKs send.')
param subscriptionKeyHeader 'api-key' | 'Ocp-Apim-Subscription-Key' = 'api-key'

@description('How callers prove themselves: with a subscription key or with an Entra token.')
param callerAuthentication 'subscriptionKey' | 'entra' = 'subscriptionKey'

@description('Which Entra callers are let in. Used with callerAuthentication entra.')
param entraCallers entraCallersType = {}

@description('Tokens a minute that each caller may use for chat and responses. 0: no limit.')
@minValue(0)
param callerTokensPerMinute int = 0

@description('Whether the handler is told who called, for its access log: the subscription, or the object ID in the Entra token.')
param logCaller bool = false

@description('Whether a deleted vault cannot be purged before its retention ends. It cannot be turned off again, and the vault then keeps its name after azd down.')
param keyVaultPurgeProtection bool = false

@description('Whether storage, vault and function app are reached through a virtual network only. It raises API Management to StandardV2 at least. infra/README.md says what stays public.')
param networkIsolation bool = false

@description('Address range of the virtual network, /24 or larger. Used with networkIsolation.')
param virtualNetworkAddressPrefix string = '10.0.0.0/24'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionInDays int = 30

@description('Alerts on the access log, and whom they tell. infra/README.md says what each means.')
param alerts alertsType = {}

var resourceToken = toLower(uniqueString(subscription().id, workloadName, location))
var allTags = union(tags, { 'azd-env-name': workloadName })

var deploymentContainerName = 'app-package'

var names = {
  resourceGroup: empty(resourceGroupName) ? 'rg-${workloadName}' : resourceGroupName
  handlerIdentity: empty(managedIdentityName) ? 'id-handler-${resourceToken}' : managedIdentityName
  apiManagementIdentity: resourceNames.?apiManagementIdentity ?? 'id-apim-${resourceToken}'
  logAnalytics: resourceNames.?logAnalytics ?? 'log-${resourceToken}'
  applicationInsights: resourceNames.?applicationInsights ?? 'appi-${resourceToken}'
  storageAccount: resourceNames.?storageAccount ?? 'st${resourceToken}'
  keyVault: empty(keyVaultName) ? 'kv-${resourceToken}' : keyVaultName
  functionPlan: resourceNames.?functionPlan ?? 'asp-${resourceToken}'
  functionApp: resourceNames.?functionApp ?? 'func-${resourceToken}'
  apiManagement: empty(apiManagementName) ? 'apim-${resourceToken}' : apiManagementName
  virtualNetwork: resourceNames.?virtualNetwork ?? 'vnet-${resourceToken}'
}

// A guest's or a service principal's name is no e-mail address.
var deployerName = deployer().?userPrincipalName ?? ''
var deployerEmail = contains(deployerName, '@') && !contains(deployerName, '#EXT#')
  ? deployerName
  : 'noreply@example.com'

resource resourceGroup 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: names.resourceGroup
  location: location
  tags: allTags
}

// Each module follows the one before it, in the order of the races that a deployment can lose: roles take minutes to
// spread, so all of them come before API Management, whose creation is the wait; the function key is read at the very
// end. Modules are told names that are known beforehand, so that what-if and the snapshots show what comes of them.
module foundation 'modules/foundation.bicep' = {
  scope: resourceGroup
  params: {
    names: {
      handlerIdentity: names.handlerIdentity
      apiManagementIdentity: names.apiManagementIdentity
      logAnalytics: names.logAnalytics
      applicationInsights: names.applicationInsights
      storageAccount: names.storageAccount
      keyVault: names.keyVault
      virtualNetwork: names.virtualNetwork
    }
    location: location
    tags: allTags
    deploymentContainerName: deploymentContainerName
    counterTableName: counterTableName
    keyVaultPurgeProtection: keyVaultPurgeProtection
    workloadName: workloadName
    alerts: alerts
    logRetentionInDays: logRetentionInDays
    zoneRedundant: zoneRedundant
    networkIsolation: networkIsolation
    virtualNetworkAddressPrefix: virtualNetworkAddressPrefix
  }
}

module openAI 'modules/openai.bicep' = {
  params: {
    instances: openAIInstances
    defaultDeployments: [chatDeployment, embeddingDeployment]
    defaultAuthentication: openAIAuthentication
    key: openAIKey
    namePrefix: 'oai-${resourceToken}-'
    resourceGroupName: names.resourceGroup
    keyVaultName: names.keyVault
    #disable-next-line what-if-short-circuiting // It is part of a role assignment's name; modules/foundation.bicep says why.
    principalId: foundation.outputs.handlerPrincipalId
    logAnalyticsResourceId: foundation.outputs.logAnalyticsResourceId
    tags: allTags
  }
}

module functionApp 'modules/function-app.bicep' = {
  scope: resourceGroup
  params: {
    name: names.functionApp
    planName: names.functionPlan
    location: location
    tags: allTags
    azdServiceName: 'handler'
    identityName: names.handlerIdentity
    storageAccountName: names.storageAccount
    deploymentContainerName: deploymentContainerName
    keyVaultName: names.keyVault
    applicationInsightsName: names.applicationInsights
    backends: [
      for (instance, i) in openAIInstances: union(
        {
          name: instance.suffix
          endpoint: openAI.outputs.endpoints[i]
          priority: instance.?priority ?? 1
          weight: instance.?weight ?? 1
          deployments: instance.?deploymentNames ?? {}
        },
        (instance.?authentication ?? openAIAuthentication) == 'entra'
          ? { auth: 'entra' }
          : { secret: openAIKeySecretName(instance.suffix) }
      )
    ]
    counterTableName: counterTableName
    changedHandlerSettings: handlerSettings
    scale: functionAppScale
    zoneRedundant: zoneRedundant
    networkIsolation: networkIsolation
    virtualNetworkName: names.virtualNetwork
  }
}

module gateway 'modules/gateway.bicep' = {
  scope: resourceGroup
  params: {
    apiManagementName: names.apiManagement
    location: location
    tags: allTags
    sku: apiManagementSku
    capacity: apiManagementCapacity
    publisherEmail: empty(apiManagementPublisherEmail) ? deployerEmail : apiManagementPublisherEmail
    publisherName: empty(apiManagementPublisherName) ? workloadName : apiManagementPublisherName
    identityName: names.apiManagementIdentity
    applicationInsightsName: names.applicationInsights
    functionAppName: names.functionApp
    keyVaultName: names.keyVault
    subscriptionKeyHeader: subscriptionKeyHeader
    entraCallers: callerAuthentication == 'entra' ? entraCallers : null
    tokensPerMinute: callerTokensPerMinute
    tellCaller: logCaller
    networkIsolation: networkIsolation
    virtualNetworkName: names.virtualNetwork
  }
  dependsOn: [functionApp]
}

@description('The resource group.')
output resourceGroupInstance object = { id: resourceGroup.id, name: names.resourceGroup }

@description('The handler\'s identity.')
output managedIdentityInstance object = {
  id: foundation.outputs.handlerIdentityResourceId
  name: names.handlerIdentity
  principalId: foundation.outputs.handlerPrincipalId
  clientId: foundation.outputs.handlerClientId
}

@description('The key vault.')
output keyVaultInstance object = {
  id: foundation.outputs.keyVaultResourceId
  name: names.keyVault
  uri: foundation.outputs.keyVaultUri
}

@description('The Azure OpenAI accounts.')
output openAIInstances array = openAI.outputs.accounts

@description('API Management, and the subscription whose key callers use.')
output apiManagementInstance object = {
  id: gateway.outputs.resourceId
  name: names.apiManagement
  gatewayUrl: gateway.outputs.gatewayUrl
  subscriptionName: gateway.outputs.subscriptionName
}

@description('For azd: region.')
output AZURE_LOCATION string = location

@description('For azd: tenant.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('For azd: resource group.')
output AZURE_RESOURCE_GROUP string = names.resourceGroup

@description('For azd: function app.')
output AZURE_FUNCTION_APP_NAME string = names.functionApp

@description('For azd: API Management.')
output AZURE_API_MANAGEMENT_NAME string = names.apiManagement

@description('For azd: the subscription whose key callers use. Empty with Entra callers.')
output AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME string = gateway.outputs.subscriptionName

@description('For azd: the address that callers use.')
output GATEWAY_URL string = gateway.outputs.gatewayUrl

@description('For azd: header of the subscription key.')
output GATEWAY_KEY_HEADER string = subscriptionKeyHeader

@description('For azd: a deployment for a first chat call.')
output GATEWAY_CHAT_DEPLOYMENT string = chatDeployment.name
