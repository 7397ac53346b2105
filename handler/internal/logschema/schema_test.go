package logschema_test

import (
	"strings"
	"testing"

	"aoai-balancer/handler/internal/logschema"
)

const (
	attempt = `{"backend":"a","status":429,"outcome":"throttled","duration_ms":1.5,"wait_ms":2000,"cooldown_ms":2000}`
	request = `{"level":"info","event":"request","http.request.method":"POST","http.response.status_code":200,"bytes":1,"request_bytes":2,` +
		`"duration_ms":3,"first_byte_ms":2.25,"gen_ai.usage.input_tokens":0,"stream":true,"turn":"local:7","attempts":[` + attempt + `],"time":"2026-01-02T03:04:05Z"}`
	listening = `{"level":"info","event":"listening","address":"127.0.0.1:1","backends":2,"time":"2026-01-02T03:04:05Z"}`
	failed    = `{"level":"warn","event":"credential_failed","backend":"a","problem":"p","time":"2026-01-02T03:04:05Z"}`
)

func TestSchema_TakesWhatIsDescribedAndNothingElse(t *testing.T) {
	s, err := logschema.Open("../../../docs/log.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{request, listening, failed} {
		if err := s.Check(line); err != nil {
			t.Error(err)
		}
	}
	for _, change := range [][3]string{
		{request, `"bytes":1`, `"bytes":1,"prompt":"x"`}, {request, `"status":429`, `"status":429,"host":"x"`}, {request, `"throttled"`, `"slow"`},
		{request, `"bytes":1,`, ``}, {request, `"backend":"a",`, ``}, {request, `,"time":"2026-01-02T03:04:05Z"`, ``}, {listening, `"backends":2,`, ``},
		{request, `"POST"`, `7`}, {request, `local:7`, `seven`}, {request, `03:04:05Z`, `3 o'clock`}, {request, `"event":"request"`, `"event":"else"`},
		{listening, `"backends":2`, `"backends":2,"key":"x"`}, {failed, `"problem":"p"`, `"secret":"p"`},
	} {
		if line := strings.Replace(change[0], change[1], change[2], 1); s.Check(line) == nil {
			t.Errorf("takes %s: %v", line, change[1:])
		}
	}
}
