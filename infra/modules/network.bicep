metadata name = 'Network'
metadata description = 'The virtual network of an isolated gateway: one subnet each for the function app, API Management and private endpoints.'

@description('Name of the virtual network.')
@minLength(2)
@maxLength(64)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Address range of the virtual network, /24 or larger; each subnet takes a /26 of it.')
param addressPrefix string

@export()
@description('Names of the subnets.')
var subnetNames = {
  apiManagement: 'snet-api-management'
  endpoints: 'snet-private-endpoints'
  functions: 'snet-functions'
}

var delegations = {
  apiManagement: 'Microsoft.Web/serverFarms'
  functions: 'Microsoft.App/environments'
}

var subnetPrefixLength = 26

// One group each: API Management does not integrate with a subnet that has none. The default rules are what is needed:
// traffic within the network, outbound to Azure, nothing inbound from the Internet.
resource networkSecurityGroups 'Microsoft.Network/networkSecurityGroups@2025-07-01' = [
  for subnet in items(subnetNames): {
    name: 'nsg-${subnet.value}'
    location: location
    tags: tags
  }
]

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      for (subnet, i) in items(subnetNames): {
        name: subnet.value
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, subnetPrefixLength, i)
          networkSecurityGroup: { id: networkSecurityGroups[i].id }
          delegations: contains(delegations, subnet.key)
            ? [{ name: 'delegation', properties: { serviceName: delegations[subnet.key] } }]
            : []
        }
      }
    ]
  }
}
