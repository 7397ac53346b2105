metadata name = 'User-assigned identity'
metadata description = 'An identity that roles can be given to before the resource exists that uses it.'

@description('Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource ID of the identity.')
output resourceId string = identity.id

@description('Object ID of the identity, for role assignments.')
output principalId string = identity.properties.principalId

@description('Client ID of the identity, for what signs in with it.')
output clientId string = identity.properties.clientId
