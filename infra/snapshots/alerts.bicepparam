using '../main.bicep'

// Alerts by e-mail and to an action group that exists.
param workloadName = 'sample'
param location = 'westeurope'
param alerts = {
  enabled: true
  emailAddress: 'ai-operators@contoso.com'
  actionGroupResourceIds: [
    '/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/rg-operations/providers/Microsoft.Insights/actionGroups/ag-pager'
  ]
}
