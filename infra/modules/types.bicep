metadata name = 'Types'
metadata description = 'The shapes and names that main.bicep and its modules share.'

@export()
@description('A model deployment in an Azure OpenAI account.')
@sealed()
type modelDeploymentType = {
  @description('Name of the deployment: what callers put in the path or in the field "model".')
  @minLength(2)
  @maxLength(64)
  name: string

  @description('The model that it serves.')
  model: {
    @description('Publisher of the model. Default: OpenAI.')
    format: string?

    @description('Name of the model.')
    name: string

    @description('Version of the model.')
    version: string
  }

  @description('Kind and amount of the capacity.')
  sku: {
    @description('Kind of the deployment, such as GlobalStandard, DataZoneStandard, Standard or ProvisionedManaged.')
    name: string

    @description('Thousands of tokens a minute; for provisioned kinds, provisioned units.')
    @minValue(1)
    capacity: int
  }

  @description('Content filter of the account to apply. Default: the one that Azure gives every deployment.')
  raiPolicyName: string?

  @description('What happens to the version later. Default: it changes only when it retires, so that answers stay alike until then.')
  versionUpgradeOption: ('NoAutoUpgrade' | 'OnceCurrentVersionExpired' | 'OnceNewDefaultVersionAvailable')?
}

@export()
@description('How the handler proves itself to an Azure OpenAI account.')
type openAIAuthenticationType = 'key' | 'entra'

@export()
@description('One Azure OpenAI account, new or existing: one backend of the load balancer.')
@sealed()
type openAIInstanceType = {
  @description('Short unique mark of this account, such as weu. It is the name of the backend in logs and in the answer header x-aoai-backend.')
  @minLength(1)
  @maxLength(20)
  suffix: string

  @description('Region of a new account. Not used with resourceId.')
  location: string?

  @description('Name of a new account, unique in Azure. Default: one derived from the workload and the suffix. Not used with resourceId.')
  name: string?

  @description('Resource ID of an account that exists, in any subscription of the tenant. It is not changed unless deployments are given.')
  resourceId: string?

  @description('Tier of the backend, 1 first; a lower tier serves only what the higher ones cannot take. Default: 1.')
  @minValue(1)
  @maxValue(1000)
  priority: int?

  @description('Share of the backend within its tier; 0 takes it out of service. Default: 1.')
  @minValue(0)
  @maxValue(100)
  weight: int?

  @description('Model deployments to create here. Default: the chat and the embedding deployment for a new account, none for an existing one.')
  deployments: modelDeploymentType[]?

  @description('Where a deployment is called differently here: the name that callers use, and the name in this account.')
  deploymentNames: { *: string }?

  @description('How the handler proves itself to this account. Default: openAIAuthentication.')
  authentication: openAIAuthenticationType?
}

@export()
@description('A backend as the handler reads it in OPENAI_BACKENDS.')
@sealed()
type backendType = {
  @description('Name of the backend.')
  name: string

  @description('Address of the account.')
  endpoint: string

  @description('Name of the secret that holds its key. Absent with Entra.')
  secret: string?

  @description('Set where the handler proves itself with an Entra token instead of a key.')
  auth: 'entra'?

  @description('Tier, 1 first.')
  priority: int

  @description('Share within the tier.')
  weight: int

  @description('The name that callers use for a deployment, and its name in this account.')
  deployments: { *: string }
}

@export()
@description('Names of the resources that have no parameter of their own. Each default is derived from the workload.')
@sealed()
type resourceNamesType = {
  @description('Storage account.')
  storageAccount: string?

  @description('Log Analytics workspace.')
  logAnalytics: string?

  @description('Application Insights.')
  applicationInsights: string?

  @description('Plan of the function app.')
  functionPlan: string?

  @description('Function app.')
  functionApp: string?

  @description('User-assigned identity of API Management.')
  apiManagementIdentity: string?

  @description('Virtual network.')
  virtualNetwork: string?
}

@export()
@description('Names of the resources that the function app and API Management stand on.')
@sealed()
type foundationNamesType = {
  @description('Identity of the handler.')
  handlerIdentity: string

  @description('Identity of API Management.')
  apiManagementIdentity: string

  @description('Log Analytics workspace.')
  logAnalytics: string

  @description('Application Insights.')
  applicationInsights: string

  @description('Storage account.')
  storageAccount: string

  @description('Key vault.')
  keyVault: string

  @description('Virtual network.')
  virtualNetwork: string
}

@export()
@description('How far the function app scales.')
@sealed()
type functionAppScaleType = {
  @description('Most instances. Default: 40.')
  @minValue(1)
  @maxValue(1000)
  maximumInstanceCount: int?

  @description('Instances that are kept warm, and paid for, all the time. Default: 0, so that the first call after a pause waits for a start.')
  @minValue(0)
  @maxValue(1000)
  alwaysReadyInstanceCount: int?

  @description('Memory of an instance in MB. Default: 2048.')
  instanceMemoryMB: (512 | 2048 | 4096)?

  @description('Requests that one instance takes at once. Default: 100, because the handler mostly waits.')
  @minValue(1)
  @maxValue(1000)
  httpPerInstanceConcurrency: int?
}

@export()
@description('Which Entra callers are let in.')
@sealed()
type entraCallersType = {
  @description('Tenant that issues the tokens. Default: the tenant of the deployment.')
  tenantId: string?

  @description('Accepted audiences of the token. Default: Azure OpenAI itself, so that SDKs which ask Entra for an Azure OpenAI token work unchanged.')
  audiences: string[]?

  @description('Accepted client applications. Default: every identity of the tenant that gets a token for the audience.')
  clientApplicationIds: string[]?
}

@export()
@description('Which alerts there are, and whom they tell.')
@sealed()
type alertsType = {
  @description('Whether there are any. Default: no.')
  enabled: bool?

  @description('E-mail address that they are sent to.')
  emailAddress: string?

  @description('Resource IDs of action groups that exist, for other ways of telling.')
  actionGroupResourceIds: string[]?
}

@export()
@description('SKUs of API Management that can carry this API. Consumption is not among them: it does not stream server-sent events.')
type apiManagementSkuType = 'BasicV2' | 'StandardV2' | 'PremiumV2' | 'Developer' | 'Basic' | 'Standard' | 'Premium'

@export()
@description('Name of the API in API Management.')
var apiName = 'openai'

@export()
@description('Name of API Management\'s logger.')
var loggerName = 'application-insights'

@export()
@description('Path of the API in API Management. API Management strips it from what it forwards, so the address of its backend ends in it.')
var apiPath = 'openai'

@export()
@description('Query parameter that callers may send the subscription key in. The policy takes it out of what it forwards.')
var subscriptionKeyQuery = 'subscription-key'

@export()
@description('Prefix of the app settings that tell the Functions host and the handler where storage is.')
var storageConnectionName = 'AzureWebJobsStorage'

@export()
@description('Table of the turn counter.')
var counterTableName = 'backendcounter'

@export()
@description('Name of the secret that holds the key of an account.')
func openAIKeySecretName(suffix string) string => 'openai-api-key-${suffix}'

@export()
@description('The last part of a role definition\'s resource ID, for every role that is assigned.')
var roleDefinitionIds = {
  cognitiveServicesOpenAIUser: '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
