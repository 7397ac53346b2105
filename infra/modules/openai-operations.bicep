metadata name = 'Azure OpenAI operations'
metadata description = 'The operations of the API: those that people look for by name, and one per method for everything else.'

@export()
@description('An operation of the API.')
@sealed()
type operationType = {
  @description('Name of the resource.')
  name: string

  @description('Name that people see.')
  displayName: string

  @description('HTTP method.')
  method: string

  @description('Path below the API, with its parameters in braces.')
  urlTemplate: string
}

@description('Operations on a deployment, by the path below it.')
var deploymentOperations = {
  'chat/completions': 'Create chat completion'
  completions: 'Create completion'
  embeddings: 'Create embeddings'
  'images/generations': 'Generate images'
  'images/edits': 'Edit image'
  'audio/speech': 'Create speech'
  'audio/transcriptions': 'Transcribe audio'
  'audio/translations': 'Translate audio'
}

@description('Operations of the v1 API, which name the deployment in the body.')
var version1Operations = [
  { method: 'POST', path: 'chat/completions', displayName: 'Create chat completion' }
  { method: 'POST', path: 'embeddings', displayName: 'Create embeddings' }
  { method: 'GET', path: 'models', displayName: 'List models' }
  { method: 'POST', path: 'responses', displayName: 'Create response' }
  { method: 'GET', path: 'responses/{id}', displayName: 'Get response' }
  { method: 'DELETE', path: 'responses/{id}', displayName: 'Delete response' }
  { method: 'POST', path: 'responses/{id}/cancel', displayName: 'Cancel response' }
  { method: 'POST', path: 'files', displayName: 'Upload file' }
  { method: 'GET', path: 'files', displayName: 'List files' }
  { method: 'POST', path: 'batches', displayName: 'Create batch' }
  { method: 'GET', path: 'batches', displayName: 'List batches' }
]

@description('Methods that a catch-all operation carries. The handler knows what of it exists.')
var catchAllMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']

@export()
@description('Every operation of the API.')
var operations = concat(
  map(items(deploymentOperations), operation => {
    name: 'deployments-${replace(operation.key, '/', '-')}'
    displayName: operation.value
    method: 'POST'
    urlTemplate: '/deployments/{deployment}/${operation.key}'
  }),
  map(version1Operations, operation => {
    name: 'v1-${toLower(operation.method)}-${replace(replace(operation.path, '/', '-'), '{id}', 'id')}'
    displayName: '${operation.displayName} (v1)'
    method: operation.method
    urlTemplate: '/v1/${operation.path}'
  }),
  map(catchAllMethods, method => {
    name: 'any-${toLower(method)}'
    displayName: 'Any other ${method}'
    method: method
    urlTemplate: '/*'
  })
)

@export()
@description('The parameters in a path, as API Management wants them declared.')
func templateParameters(urlTemplate string) array =>
  map(skip(split(urlTemplate, '{'), 1), part => {
    name: split(part, '}')[0]
    type: 'string'
    required: true
  })
