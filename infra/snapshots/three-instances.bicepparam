using '../main.bicep'

// Provisioned capacity first, in an account that exists in another subscription; two new accounts take the overflow.
param workloadName = 'sample'
param location = 'swedencentral'
param tags = { 'cost-center': '1234' }
param openAIInstances = [
  {
    suffix: 'ptu'
    resourceId: '/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/rg-shared-ai/providers/Microsoft.CognitiveServices/accounts/contoso-ptu'
    deploymentNames: { 'gpt-5.4-mini': 'gpt-5-4-mini-ptu' }
  }
  { suffix: 'weu', location: 'westeurope', priority: 2, weight: 3 }
  {
    suffix: 'eus'
    name: 'contoso-openai-eus'
    location: 'eastus'
    priority: 2
    deployments: [
      {
        name: 'gpt-5.4-mini'
        model: { name: 'gpt-5.4-mini', version: '2026-03-17' }
        sku: { name: 'DataZoneStandard', capacity: 30 }
        versionUpgradeOption: 'NoAutoUpgrade'
      }
    ]
  }
]
param openAIKey = 'key2'
param handlerSettings = { LOG_LEVEL: 'debug', RETRY_STATUS: '400-599' }
param functionAppScale = { alwaysReadyInstanceCount: 2, maximumInstanceCount: 100 }
param apiManagementPublisherEmail = 'ai-platform@contoso.com'
param apiManagementPublisherName = 'Contoso'
param apiManagementSku = 'Standard'
param subscriptionKeyHeader = 'Ocp-Apim-Subscription-Key'
param keyVaultPurgeProtection = true
