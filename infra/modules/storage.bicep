metadata name = 'Storage'
metadata description = 'What the Functions host and the handler keep: deployment packages, host state, turns.'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Container that deployment packages are published to.')
@minLength(3)
@maxLength(63)
param deploymentContainerName string

@description('Table of the turn counter.')
@minLength(3)
@maxLength(63)
param counterTableName string

@description('Whether only private endpoints reach the account.')
param isolated bool

@description('Whether the account is spread over availability zones.')
param zoneRedundant bool

resource storageAccount 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
    supportsHttpsTrafficOnly: true
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: {
        enabled: true
        days: 7
      }
      containerDeleteRetentionPolicy: {
        enabled: true
        days: 7
      }
    }

    resource deployments 'containers' = {
      name: deploymentContainerName
      properties: { publicAccess: 'None' }
    }
  }

  resource tables 'tableServices' = {
    name: 'default'

    resource counter 'tables' = {
      name: counterTableName
    }
  }
}

@description('Resource ID of the storage account.')
output resourceId string = storageAccount.id
