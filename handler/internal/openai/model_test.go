package openai_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"

	"aoai-balancer/handler/internal/openai"
)

func find(contentType, body string) (openai.Place, error) {
	return openai.FindModel(contentType, iotest.HalfReader(strings.NewReader(body)))
}

// form is a multipart form with a file before and after the model.
func form(t *testing.T, file, model string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range [][2]string{{"file", file}, {"model", model}, {"rest", file}} {
		if err := w.WriteField(part[0], part[1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func TestFindModel_WhereverItStands(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"gpt"}`: "gpt",
		`{"messages":[{"role":"user","content":"the \"model\":\"x\""}],"x":{"model":"not this"},"model":"g\u0070t","stream":true}`: "gpt",
		`{"input":"` + strings.Repeat("x", 100_000) + `","model":"last"}`:                                                          "last",
	} {
		place, err := find("application/json", body)
		if err != nil || place.Name != want {
			t.Errorf("%.60s: %+v, %v", body, place, err)
		}
		renamed := body[:place.From] + place.Replacement(`new "name"`) + body[place.To:]
		var got struct{ Model string }
		if json.Unmarshal([]byte(renamed), &got) != nil || got.Model != `new "name"` {
			t.Errorf("renamed: %.200s", renamed)
		}
	}
}

func TestFindModel_InAForm(t *testing.T) {
	for _, file := range []string{"", "RIFF\r\n--not the boundary\r\n", strings.Repeat("x", 50_000), strings.Repeat("\n", 9000)} {
		contentType, body := form(t, file, "whisper")
		place, err := find(contentType, body)
		if err != nil || place.Name != "whisper" || body[place.From:place.To] != "whisper" {
			t.Errorf("%+v, %v", place, err)
		}
		_, want := form(t, file, "other")
		renamed := body[:place.From] + place.Replacement("other") + body[place.To:]
		if len(renamed) != len(want) {
			t.Error("more than the model was touched")
		}
	}
}

func TestFindModel_AMissingOneIsSaidAsOpenAISaysIt(t *testing.T) {
	contentType, noModel := form(t, "x", "")
	for _, row := range []struct{ contentType, body, code string }{
		{"application/json", `{"messages":[]}`, "missing_required_parameter"},
		{"application/json", `{"model":""}`, "missing_required_parameter"},
		{"application/json", `{"model":5}`, "missing_required_parameter"},
		{"application/json", `{"x":`, "invalid_body"},
		{"", ``, "missing_required_parameter"},
		{contentType, noModel, "missing_required_parameter"},
		{contentType, "", "missing_required_parameter"},
		{"multipart/form-data", "x", "invalid_body"},
	} {
		_, err := find(row.contentType, row.body)
		var e *openai.Error
		if !errors.As(err, &e) || e.Status != 400 || e.Code != row.code {
			t.Errorf("%s %q: %v", row.contentType, row.body, err)
		}
	}
}

func FuzzFindModel_InAFormFindsWhatMimeMultipartFinds(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--bb\r\n--b\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		place, err := openai.FindModel("multipart/form-data; boundary=b", bytes.NewReader(body))
		if err != nil {
			return
		}
		if place.Name == "" || string(body[place.From:place.To]) != place.Name {
			t.Errorf("%+v", place)
		}
	})
}
