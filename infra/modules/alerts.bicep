metadata name = 'Alerts'
metadata description = 'Rules that tell somebody, each with a query in queries/ that finds nothing while all is well.'

import { alertsType } from 'types.bicep'

@description('Whom to tell.')
param alerts alertsType

@description('Name of the workload, which notices show.')
param workloadName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Name of Application Insights, which must exist.')
param applicationInsightsName string

// Each query counts over the whole window, and so gives a row for each deployment or backend that is in trouble.
var rules = [
  {
    name: 'backends-cooling'
    title: 'No backend left'
    description: 'A deployment had no backend left for 10 calls and 5 % of all in 15 minutes: each was throttled, failing or in cooldown.'
    query: loadTextContent('../queries/alert-backends-cooling.kql')
    splitBy: ['deployment']
    severity: 2
  }
  {
    name: 'counter-local'
    title: 'Turn counter on its fallback'
    description: 'Instances counted turns by themselves for 10 calls and 10 % of all of a deployment in 15 minutes: the turn counter is slow or out of reach. Calls are answered, but shares are no longer exact.'
    query: loadTextContent('../queries/alert-counter-local.kql')
    splitBy: ['deployment']
    severity: 3
  }
  {
    name: 'credentials-refused'
    title: 'Credentials refused'
    description: 'A backend refused the key or token of the handler, or one could not be fetched.'
    query: loadTextContent('../queries/alert-credentials-refused.kql')
    splitBy: ['backend', 'outcome']
    severity: 1
  }
]

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alerts.?emailAddress)) {
  name: 'ag-${applicationInsightsName}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'gateway'
    emailReceivers: [
      { name: 'operator', emailAddress: alerts.?emailAddress ?? '', useCommonAlertSchema: true }
    ]
  }
}

resource scheduledQueryRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${rule.name}-${applicationInsightsName}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${workloadName}: ${rule.title}'
      description: rule.description
      severity: rule.severity
      enabled: true
      autoMitigate: true
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      scopes: [applicationInsights.id]
      targetResourceTypes: ['microsoft.insights/components']
      // Azure may not know the table of an Application Insights that has just been created.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: map(rule.splitBy, column => { name: column, operator: 'Include', values: ['*'] })
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: {
        actionGroups: concat(alerts.?actionGroupResourceIds ?? [], empty(alerts.?emailAddress) ? [] : [actionGroup.id])
      }
    }
  }
]
