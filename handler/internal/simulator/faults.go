package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Bodies that Azure OpenAI has been seen to answer. Clients and proxies read
// their codes, so they are kept as they are on the wire.
//
//nolint:gosec // none of these is a credential
const (
	invalidKeyBody     = `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`
	invalidTokenBody   = `{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`
	noDeploymentBody   = `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}`
	noResourceBody     = `{"error":{"code":"404","message":"Resource not found"}}`
	firewallBody       = `{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}`
	timeoutBody        = `{"error":{"code":"Timeout","message":"The operation was timeout."}}`
	serverErrorBody    = `{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}`
	unavailableBody    = `{"error":{"code":"InternalServerError","message":"The service is temporarily unable to process your request. Please try again later."}}`
	contentFilterBody  = `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"filtered":false,"detected":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"medium"}}}}}`
	tooLargeBody       = `{"error":{"code":"413","message":"The request body is too large."}}`
	badJSONMessage     = "We could not parse the JSON body of your request."
	retryLaterSentence = "Please retry later."
)

// PermissionDeniedBody is the body of the 401 for an Entra identity whose role
// lacks the operation's data action. Script it with Step.Body.
const PermissionDeniedBody = `{"error":{"code":"PermissionDenied","message":"The principal lacks the required data action to perform this operation."}}`

// ErrorBody is the body that Azure OpenAI sends with an error status: 400 is a
// content filter refusal, 404 an unknown deployment, 429 the call rate limit.
// Statuses that Azure has no known body for get its general form; below 300
// there is none.
func ErrorBody(status int) string {
	switch status {
	case http.StatusBadRequest:
		return contentFilterBody
	case http.StatusUnauthorized:
		return invalidKeyBody
	case http.StatusForbidden:
		return firewallBody
	case http.StatusNotFound:
		return noDeploymentBody
	case http.StatusRequestTimeout:
		return timeoutBody
	case http.StatusRequestEntityTooLarge:
		return tooLargeBody
	case http.StatusTooManyRequests:
		return throttledBody("call", "")
	case http.StatusInternalServerError:
		return serverErrorBody
	case http.StatusServiceUnavailable:
		return unavailableBody
	}
	if status < 300 || status == http.StatusNotModified {
		return ""
	}
	return fmt.Sprintf(`{"error":{"code":"%d","message":"The request could not be completed."}}`, status)
}

// throttledBody names the limit, "call" or "token", and the wait in seconds.
func throttledBody(limit, seconds string) string {
	advice := retryLaterSentence
	if seconds != "" {
		advice = "Please retry after " + seconds + " seconds."
	}
	message := "Requests to this operation have exceeded " + limit + " rate limit of your current OpenAI S0 pricing tier. " + advice
	return `{"error":{"code":"429","message":` + strconv.Quote(message) + `}}`
}

// invalidRequest is a 400 or 404 in OpenAI's own envelope, which Azure passes
// through from the model's side. Empty param and code become null.
func invalidRequest(message, param, code string) string {
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"message": message, "type": "invalid_request_error", "param": orNull(param), "code": orNull(code),
	}})
	if err != nil {
		return serverErrorBody
	}
	return string(body)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
