metadata name = 'Handler settings'
metadata description = 'The app settings that the handler reads, with their defaults.'

import { backendType, storageConnectionName } from 'types.bicep'

@export()
@description('App settings of the handler that a deployment may change. README.md says what each does.')
@sealed()
type handlerSettingsType = {
  @description('Attempts after the first.')
  MAX_RETRIES: string?

  @description('The longest that a request waits before it tries a backend again.')
  RETRY_INTERVAL: string?

  @description('Statuses that move a request to the next backend.')
  RETRY_STATUS: string?

  @description('How long a backend is skipped when it does not say so itself.')
  COOLDOWN_DEFAULT: string?

  @description('The longest that a backend is skipped, whatever it says.')
  COOLDOWN_MAX: string?

  @description('Time to the first byte of the answer, over all attempts. The platform cuts at 230 s.')
  REQUEST_TIMEOUT: string?

  @description('Time to the headers of the answer, for each attempt; 0 is what is left of the request.')
  ATTEMPT_TIMEOUT: string?

  @description('The longest silence inside a stream.')
  STREAM_IDLE_TIMEOUT: string?

  @description('Largest request body.')
  MAX_BODY_BYTES: string?

  @description('Field of a request whose equal values prefer the same backend, such as prompt_cache_key; empty: none.')
  STICKY_KEY: string?

  @description('Least level that is logged.')
  LOG_LEVEL: ('debug' | 'info' | 'warn' | 'error')?
}

@export()
@description('App settings of the handler: what the deployment knows, the defaults, and what the deployer changed.')
func handlerSettings(backends backendType[], keyVaultUri string, counterTable string, changed handlerSettingsType) object =>
  union(
    {
      OPENAI_BACKENDS: string(backends)
      KEY_VAULT_URI: keyVaultUri
      COUNTER_CONNECTION: storageConnectionName
      COUNTER_TABLE: counterTable
      MAX_RETRIES: '3'
      RETRY_INTERVAL: '5s'
      RETRY_STATUS: '401,403,408,429,500-599'
      COOLDOWN_DEFAULT: '10s'
      COOLDOWN_MAX: '2m'
      REQUEST_TIMEOUT: '220s'
      ATTEMPT_TIMEOUT: '0'
      STREAM_IDLE_TIMEOUT: '200s'
      MAX_BODY_BYTES: '100 MiB'
      STICKY_KEY: ''
      LOG_LEVEL: 'info'
    },
    changed
  )
