metadata name = 'Key vault'
metadata description = 'The vault of the backends\' keys and of the function key.'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether a deleted vault cannot be purged before its retention ends. It cannot be turned off again.')
param purgeProtection bool

@description('Workspace that gets the audit log.')
param logAnalyticsResourceId string

@description('Whether only private endpoints reach the vault.')
param isolated bool

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // The least that Azure takes, so that a trial's name is free again soon; the most where the vault is to be kept.
    softDeleteRetentionInDays: purgeProtection ? 90 : 7
    // Azure refuses "false": a vault without purge protection leaves the property out.
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Azure Resource Manager, a trusted service, writes the secrets of a closed vault.
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: keyVault
  properties: {
    workspaceId: logAnalyticsResourceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

@description('Resource ID of the vault.')
output resourceId string = keyVault.id

@description('Address of the vault.')
output uri string = keyVault.properties.vaultUri
