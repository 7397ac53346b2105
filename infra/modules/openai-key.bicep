metadata name = 'Azure OpenAI key'
metadata description = 'One account\'s key as a secret in the vault.'

@description('Subscription of the account.')
param accountSubscriptionId string

@description('Resource group of the account.')
param accountResourceGroupName string

@description('Name of the account.')
param accountName string

@description('Which of the account\'s two keys. It is a parameter so that provisioning again does not undo a rotation.')
param key 'key1' | 'key2'

@description('Name of the vault.')
param keyVaultName string

@description('Name of the secret.')
@maxLength(127)
param secretName string

@description('Tags.')
param tags object

resource account 'Microsoft.CognitiveServices/accounts@2025-09-01' existing = {
  name: accountName
  scope: resourceGroup(accountSubscriptionId, accountResourceGroupName)
}

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: keyVault
  name: secretName
  tags: tags
  properties: {
    contentType: 'Key of ${account.name}'
    value: account.listKeys()[key]
  }
}
