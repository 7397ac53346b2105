metadata name = 'Function app'
metadata description = 'The Flex Consumption app that runs the handler.'

import { backendType, functionAppScaleType, storageConnectionName } from 'types.bicep'
import { subnetNames } from 'network.bicep'
import { handlerSettings, handlerSettingsType } from 'handler-settings.bicep'

@description('Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of its plan.')
@minLength(1)
@maxLength(60)
param planName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Name of the azd service whose package is published to this app.')
param azdServiceName string

@description('Name of the handler\'s identity.')
param identityName string

@description('Name of the storage account.')
param storageAccountName string

@description('Container that deployment packages are published to.')
param deploymentContainerName string

@description('Name of the vault.')
param keyVaultName string

@description('Name of Application Insights.')
param applicationInsightsName string

@description('Backends, in the order in which they take turns.')
param backends backendType[]

@description('Table of the turn counter.')
param counterTableName string

@description('App settings of the handler that differ from their defaults.')
param changedHandlerSettings handlerSettingsType

@description('How far the app scales.')
param scale functionAppScaleType

@description('Whether the instances are spread over availability zones.')
param zoneRedundant bool

@description('Whether only private endpoints reach the app. Otherwise everybody does, and needs the function key.')
param networkIsolation bool

@description('Name of the virtual network that an isolated app sends from.')
param virtualNetworkName string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storageAccount 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName
}

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-07-01' existing = {
  name: virtualNetworkName

  resource subnet 'subnets' existing = {
    name: subnetNames.functions
  }
}

var platformSettings = {
  '${storageConnectionName}__accountName': storageAccountName
  '${storageConnectionName}__credential': 'managedidentity'
  '${storageConnectionName}__clientId': identity.properties.clientId
  // It holds no secret: Application Insights takes Entra tokens only.
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  // Which identity the handler's own calls to the vault, the table and Azure OpenAI sign in with.
  AZURE_CLIENT_ID: identity.properties.clientId
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource functionApp 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': azdServiceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: networkIsolation ? virtualNetwork::subnet.id : null
    functionAppConfig: {
      runtime: {
        name: 'custom'
        // Azure accepts other versions; the app then does not start.
        version: '1.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storageAccount.properties.primaryEndpoints.blob}${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.?instanceMemoryMB ?? 2048
        maximumInstanceCount: scale.?maximumInstanceCount ?? 40
        alwaysReady: (scale.?alwaysReadyInstanceCount ?? 0) == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: scale.?alwaysReadyInstanceCount
              }
            ]
        triggers: {
          http: { perInstanceConcurrency: scale.?httpPerInstanceConcurrency ?? 100 }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      // Here and not in a resource of their own: a change of settings restarts the host, and whoever reads the
      // function key meanwhile gets an error.
      appSettings: map(
        items(union(
          platformSettings,
          handlerSettings(backends, keyVault.properties.vaultUri, counterTableName, changedHandlerSettings)
        )),
        setting => {
          name: setting.key
          value: setting.value
        }
      )
      ipSecurityRestrictionsDefaultAction: networkIsolation ? 'Deny' : 'Allow'
      // azd and the Azure CLI publish through the scm site, with Entra tokens, from wherever the deployer sits.
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
      scmIpSecurityRestrictionsUseMain: false
    }
  }

  resource scmCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftpCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

@description('Resource ID of the function app.')
output resourceId string = functionApp.id
