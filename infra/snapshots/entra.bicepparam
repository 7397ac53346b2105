using '../main.bicep'

// No keys at all: callers and backends by Entra tokens, with a token limit for each caller, and callers in the access log.
param workloadName = 'sample'
param location = 'westeurope'
param openAIAuthentication = 'entra'
param callerAuthentication = 'entra'
param entraCallers = {
  audiences: ['api://contoso-openai', 'https://cognitiveservices.azure.com']
  clientApplicationIds: ['00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b']
}
param callerTokensPerMinute = 5000
param logCaller = true
