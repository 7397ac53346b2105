metadata name = 'Azure OpenAI role'
metadata description = 'Lets the handler call one account with an Entra token.'

import { roleDefinitionIds } from 'types.bicep'

@description('Name of the account, in the resource group that this module is deployed to.')
@minLength(2)
@maxLength(64)
param accountName string

@description('Object ID of the handler\'s identity.')
param principalId string

resource account 'Microsoft.CognitiveServices/accounts@2025-09-01' existing = {
  name: accountName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, roleDefinitionIds.cognitiveServicesOpenAIUser)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleDefinitionIds.cognitiveServicesOpenAIUser
    )
    description: 'The handler calls the models of this account with an Entra token.'
  }
}
