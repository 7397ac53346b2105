metadata name = 'API Management'
metadata description = 'The API Management service and its way to Application Insights.'

import { apiManagementSkuType, loggerName } from 'types.bicep'
import { subnetNames } from 'network.bicep'

@description('Name of the service and first part of its host name.')
@minLength(1)
@maxLength(50)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('SKU.')
param sku apiManagementSkuType

@description('Scale units.')
@minValue(1)
@maxValue(30)
param capacity int

@description('E-mail address that Azure sends notices about the service to.')
param publisherEmail string

@description('Name of the publisher.')
param publisherName string

@description('Name of the identity of the service.')
param identityName string

@description('Name of Application Insights.')
param applicationInsightsName string

@description('Whether the service sends from a virtual network, which only StandardV2 and PremiumV2 do.')
param networkIsolation bool

@description('Name of that virtual network.')
param virtualNetworkName string

var isVersion2 = endsWith(sku, 'V2')
var gatewayProtocols = 'Microsoft.WindowsAzure.ApiManagement.Gateway.Security'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-07-01' existing = {
  name: virtualNetworkName

  resource subnet 'subnets' existing = {
    name: subnetNames.apiManagement
  }
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    capacity: capacity
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    publisherEmail: publisherEmail
    publisherName: publisherName
    // Older management API versions hand out subscription keys and named values in plain answers.
    apiVersionConstraint: { minApiVersion: '2021-08-01' }
    virtualNetworkType: networkIsolation ? 'External' : 'None'
    virtualNetworkConfiguration: networkIsolation ? { subnetResourceId: virtualNetwork::subnet.id } : null
    // The v2 SKUs have no protocol older than TLS 1.2 and do not take these.
    customProperties: isVersion2
      ? null
      : {
          '${gatewayProtocols}.Protocols.Tls10': 'false'
          '${gatewayProtocols}.Protocols.Tls11': 'false'
          '${gatewayProtocols}.Protocols.Ssl30': 'false'
          '${gatewayProtocols}.Backend.Protocols.Tls10': 'false'
          '${gatewayProtocols}.Backend.Protocols.Tls11': 'false'
          '${gatewayProtocols}.Backend.Protocols.Ssl30': 'false'
          '${gatewayProtocols}.Ciphers.TripleDes168': 'false'
        }
  }
}

// Application Insights takes no instrumentation key, so the logger signs in with the identity. The caller of this module
// lets the identity's role come first.
resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: loggerName
  properties: {
    loggerType: 'applicationInsights'
    description: 'Application Insights, by identity'
    resourceId: applicationInsights.id
    credentials: {
      connectionString: applicationInsights.properties.ConnectionString
      identityClientId: identity.properties.clientId
    }
  }
}

@description('Resource ID of the service.')
output resourceId string = service.id

@description('Address that callers use, without the path of the API.')
output gatewayUrl string = service.properties.gatewayUrl
