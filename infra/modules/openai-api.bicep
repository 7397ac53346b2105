metadata name = 'Azure OpenAI API'
metadata description = 'The API that callers see: its operations, its subscription key, its logging.'

import { apiName, apiPath, loggerName, subscriptionKeyQuery } from 'types.bicep'
import { operations, templateParameters } from 'openai-operations.bicep'

@description('Name of the API Management service.')
param apiManagementName string

@description('Whether callers need a subscription key.')
param subscriptionRequired bool

@description('Header that callers send the subscription key in.')
param subscriptionKeyHeader string

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: apiManagementName

  resource logger 'loggers' existing = {
    name: loggerName
  }
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: apiName
  properties: {
    displayName: 'Azure OpenAI'
    description: 'Azure OpenAI, balanced over several accounts.'
    path: apiPath
    protocols: ['https']
    type: 'http'
    subscriptionRequired: subscriptionRequired
    subscriptionKeyParameterNames: {
      header: subscriptionKeyHeader
      query: subscriptionKeyQuery
    }
  }

  // Without bodies: a body that is logged is buffered, which ends streaming, and prompts do not belong in logs.
  resource diagnostics 'diagnostics' = {
    name: 'applicationinsights'
    properties: {
      loggerId: service::logger.id
      alwaysLog: 'allErrors'
      httpCorrelationProtocol: 'W3C'
      logClientIp: false
      verbosity: 'information'
      sampling: {
        samplingType: 'fixed'
        percentage: 100
      }
      frontend: {
        request: withoutBodyOrKeys
        response: withoutBodyOrKeys
      }
      backend: {
        request: withoutBodyOrKeys
        response: withoutBodyOrKeys
      }
    }
  }
}

var withoutBodyOrKeys = {
  body: { bytes: 0 }
  headers: []
  dataMasking: {
    queryParams: map([subscriptionKeyQuery, 'code'], parameter => {
      mode: 'Hide'
      value: parameter
    })
  }
}

// API Management changes an API by one request at a time; a second one meanwhile gets 409 PessimisticConcurrencyConflict.
@batchSize(1)
resource apiOperations 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = [
  for operation in operations: {
    parent: api
    name: operation.name
    properties: {
      displayName: operation.displayName
      method: operation.method
      urlTemplate: operation.urlTemplate
      templateParameters: templateParameters(operation.urlTemplate)
    }
  }
]

resource subscription 'Microsoft.ApiManagement/service/subscriptions@2024-05-01' = if (subscriptionRequired) {
  parent: service
  name: 'openai-sub'
  properties: {
    displayName: 'Azure OpenAI'
    scope: api.id
    state: 'active'
    allowTracing: false
  }
}

@description('Name of the subscription whose key callers use. Empty where callers use Entra.')
output subscriptionName string = subscriptionRequired ? subscription.name : ''
