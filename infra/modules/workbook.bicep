metadata name = 'Workbook'
metadata description = 'What an operator looks at over time: calls, throttling, failovers, latency, tokens. One tile for each query in queries/.'

@description('Name that the workbook is shown with.')
param displayName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Name of Application Insights, which must exist.')
param applicationInsightsName string

// The queries name no time: the Logs page and the workbook give each the range that is picked, and the workbook the
// width of the steps that suits it. Each chart's query gives columns "timestamp", "series" and one value.
var charts = [
  {
    name: 'calls-by-backend'
    title: 'Calls by deployment and backend'
    query: loadTextContent('../queries/calls-by-backend.kql')
    settings: { xAxis: 'timestamp', yAxis: ['calls'], group: 'series', createOtherGroup: 20, showLegend: true }
  }
  {
    name: 'throttling'
    title: 'Attempts that failed, by backend and outcome'
    query: loadTextContent('../queries/throttling.kql')
    settings: { xAxis: 'timestamp', yAxis: ['attempts'], group: 'series', createOtherGroup: 20, showLegend: true }
  }
  {
    name: 'failovers'
    title: 'Failovers: who was tried first, why it did not answer, and who did'
    query: loadTextContent('../queries/failovers.kql')
    settings: { xAxis: 'timestamp', yAxis: ['calls'], group: 'series', createOtherGroup: 20, showLegend: true }
  }
  {
    name: 'first-byte'
    title: 'Milliseconds to the first byte: half and 95 of 100 calls stay under'
    query: loadTextContent('../queries/first-byte.kql')
    settings: { xAxis: 'timestamp', yAxis: ['p50_ms', 'p95_ms'], showLegend: true }
  }
]

var grids = [
  {
    name: 'backends'
    title: 'Backends'
    query: loadTextContent('../queries/backends.kql')
  }
  {
    name: 'cooldowns'
    title: 'Cooldowns'
    query: loadTextContent('../queries/cooldowns.kql')
  }
  {
    name: 'latency-and-attempts'
    title: 'Latency by attempts'
    query: loadTextContent('../queries/latency-and-attempts.kql')
  }
  {
    name: 'tokens-by-caller'
    title: 'Tokens by caller'
    query: loadTextContent('../queries/tokens-by-caller.kql')
  }
  {
    name: 'events'
    title: 'What the handler said of itself'
    query: loadTextContent('../queries/events.kql')
  }
]

var timeRange = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.insights/components'
    parameters: [
      {
        id: guid('TimeRange')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time range'
        type: 4
        isRequired: true
        value: { durationMs: 86400000 }
        typeSettings: {
          allowCustom: true
          selectableValues: map([1, 4, 12, 24, 72, 168, 720], hours => { durationMs: hours * 3600000 })
        }
      }
    ]
  }
}

var tile = {
  version: 'KqlItem/1.0'
  size: 0
  timeContextFromParameter: 'TimeRange'
  queryType: 0
  resourceType: 'microsoft.insights/components'
}

var chartTiles = map(charts, chart => {
  type: 3
  name: chart.name
  content: union(tile, {
    title: chart.title
    query: replace(chart.query, 'bin(timestamp, 5m)', 'bin(timestamp, {TimeRange:grain})')
    visualization: 'timechart'
    chartSettings: chart.settings
  })
})

var gridTiles = map(grids, grid => {
  type: 3
  name: grid.name
  content: union(tile, {
    title: grid.title
    query: grid.query
    visualization: 'table'
    gridSettings: { filter: true }
  })
})

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(applicationInsights.id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: applicationInsights.id
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([timeRange], chartTiles, gridTiles)
      fallbackResourceIds: [applicationInsights.id]
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
    })
  }
}
