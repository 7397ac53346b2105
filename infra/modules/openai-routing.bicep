metadata name = 'Azure OpenAI routing'
metadata description = 'Reads the function key, last of all, and lets the API send to the handler with it.'

import { apiName, apiPath, entraCallersType } from 'types.bicep'
import { elements, escaped, filled } from 'policy-text.bicep'

@description('Name of the API Management service.')
param apiManagementName string

@description('Name of the identity that API Management reads the vault with.')
param identityName string

@description('Name of the function app.')
param functionAppName string

@description('Name of the vault.')
param keyVaultName string

@description('Whether the named value refers to the vault. A closed vault lets API Management in by its system-assigned identity only; there the named value holds the key itself.')
param functionKeyInVault bool

@description('Entra callers that are let in. Null: callers use a subscription key.')
param entraCallers entraCallersType?

@description('Tokens a minute for each caller. 0: no limit.')
@minValue(0)
param tokensPerMinute int

@description('Whether the handler is told who called.')
param tellCaller bool

@description('Tags.')
param tags object

var entraPolicy = filled(loadTextContent('../policies/entra-callers.xml'), {
  'tenant-id': escaped(entraCallers.?tenantId ?? tenant().tenantId)
  'client-application-ids': empty(entraCallers.?clientApplicationIds)
    ? ''
    : '<client-application-ids>${elements('application-id', entraCallers!.clientApplicationIds!)}</client-application-ids>'
  audiences: elements('audience', entraCallers.?audiences ?? ['https://cognitiveservices.azure.com'])
})

var tokenLimitPolicy = filled(loadTextContent('../policies/token-limit.xml'), {
  'tokens-per-minute': string(tokensPerMinute)
})

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource functionApp 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: apiManagementName

  resource api 'apis' existing = {
    name: apiName
  }
}

// The default function key and not the master key, which would open the host's administration as well.
// Bicep has no types for host keys (BCP081), hence the function and not a resource.
var functionKey = listKeys('${functionApp.id}/host/default', functionApp.apiVersion).functionKeys.default

resource functionKeySecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (functionKeyInVault) {
  parent: keyVault
  name: 'function-key'
  tags: tags
  properties: {
    contentType: 'Default function key of ${functionAppName}'
    value: functionKey
  }
}

resource functionKeyValue 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = {
  parent: service
  name: 'function-key'
  properties: {
    displayName: 'function-key'
    secret: true
    value: functionKeyInVault ? null : functionKey
    keyVault: functionKeyInVault
      ? {
          // Without a version, so that API Management picks up a new key, within 4 hours.
          secretIdentifier: functionKeySecret!.properties.secretUri
          identityClientId: identity.properties.clientId
        }
      : null
  }
}

resource backend 'Microsoft.ApiManagement/service/backends@2024-05-01' = {
  parent: service
  name: 'handler'
  properties: {
    title: 'Load balancer'
    description: 'The handler in the function app, opened by the function key.'
    protocol: 'http'
    // API Management strips the path of the API from what it forwards, and the handler wants it.
    url: 'https://${functionApp.properties.defaultHostName}/${apiPath}'
    credentials: {
      header: { 'x-functions-key': ['{{${functionKeyValue.name}}}'] }
    }
    tls: {
      validateCertificateChain: true
      validateCertificateName: true
    }
  }
}

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: service::api
  name: 'policy'
  properties: {
    format: 'xml'
    value: filled(loadTextContent('../policies/openai.xml'), {
      'caller-authentication': entraCallers == null ? '' : entraPolicy
      'token-limit': tokensPerMinute == 0 ? '' : tokenLimitPolicy
      'tell-caller': tellCaller ? loadTextContent('../policies/tell-caller.xml') : ''
      backend: backend.name
    })
  }
}
