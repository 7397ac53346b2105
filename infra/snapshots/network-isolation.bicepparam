using '../main.bicep'

// As closed and as resilient as the parameters make it. API Management is raised from BasicV2 to StandardV2.
param workloadName = 'sample'
param location = 'westeurope'
param networkIsolation = true
param zoneRedundant = true
param keyVaultPurgeProtection = true
