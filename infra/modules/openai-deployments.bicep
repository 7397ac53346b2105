metadata name = 'Azure OpenAI deployments'
metadata description = 'The model deployments of one account, new or existing, and the address of the account.'

import { modelDeploymentType } from 'types.bicep'

@description('Name of the account, in the resource group that this module is deployed to.')
@minLength(2)
@maxLength(64)
param accountName string

@description('Deployments to create, in this order.')
param deployments modelDeploymentType[]

resource account 'Microsoft.CognitiveServices/accounts@2025-09-01' existing = {
  name: accountName
}

// Two deployments on one account at once end in 409 RequestConflict (Azure/azure-dev issue 9398).
@batchSize(1)
resource modelDeployments 'Microsoft.CognitiveServices/accounts/deployments@2025-09-01' = [
  for deployment in deployments: {
    parent: account
    name: deployment.name
    sku: deployment.sku
    properties: {
      model: {
        format: deployment.model.?format ?? 'OpenAI'
        name: deployment.model.name
        version: deployment.model.version
      }
      raiPolicyName: deployment.?raiPolicyName
      versionUpgradeOption: deployment.?versionUpgradeOption ?? 'OnceCurrentVersionExpired'
    }
  }
]

@description('Resource ID of the account.')
output resourceId string = account.id

@description('Region of the account.')
output location string = account.location

@description('Address of the account.')
output endpoint string = account.properties.endpoint
