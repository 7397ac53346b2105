metadata name = 'Private endpoint'
metadata description = 'A private address for one service in the virtual network, and the DNS zone that leads to it.'

import { subnetNames } from 'network.bicep'

@description('Name of the private endpoint.')
@minLength(2)
@maxLength(64)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource ID of the service.')
param serviceResourceId string

@description('Which part of the service, such as blob or vault.')
param groupId string

@description('Private DNS zone of that part.')
param dnsZoneName string

@description('Name of the virtual network.')
param virtualNetworkName string

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-07-01' existing = {
  name: virtualNetworkName

  resource endpoints 'subnets' existing = {
    name: subnetNames.endpoints
  }
}

resource dnsZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: dnsZoneName
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: virtualNetworkName
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: virtualNetwork.id }
    }
  }
}

resource privateEndpoint 'Microsoft.Network/privateEndpoints@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: virtualNetwork::endpoints.id }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          groupIds: [groupId]
          privateLinkServiceId: serviceResourceId
        }
      }
    ]
  }

  resource dnsZoneGroup 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: groupId
          properties: { privateDnsZoneId: dnsZone.id }
        }
      ]
    }
  }
}
