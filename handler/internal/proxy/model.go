package proxy

import (
	"io"
	"strings"

	"aoai-balancer/handler/internal/openai"
)

// findModel takes the deployment from the body's model.
func (c *call) findModel(contentType string) error {
	body := c.body.Open()
	defer func() { _ = body.Close() }()
	var err error
	if c.model, err = openai.FindModel(contentType, body); err != nil {
		return err
	}
	c.target = c.target.Named(c.model.Name)
	return nil
}

// open gives the body for a backend that calls the deployment by this name, and its length. Where the body names it,
// nothing but that name differs from what the caller sent.
func (c *call) open(deployment string) (io.ReadCloser, int64) {
	body := c.body.Open()
	if c.model.Name == "" || c.model.Name == deployment {
		return body, c.body.Len()
	}
	replacement := c.model.Replacement(deployment)
	renamed := io.MultiReader(
		io.LimitReader(body, c.model.From),
		strings.NewReader(replacement),
		&skipping{body, c.model.To - c.model.From},
	)
	return struct {
		io.Reader
		io.Closer
	}{renamed, body}, c.body.Len() - (c.model.To - c.model.From) + int64(len(replacement))
}

// skipping leaves out the first bytes of a reader.
type skipping struct {
	io.Reader
	skip int64
}

func (s *skipping) Read(p []byte) (int, error) {
	if s.skip > 0 {
		n, err := io.CopyN(io.Discard, s.Reader, s.skip)
		if s.skip -= n; err != nil {
			return 0, err
		}
	}
	return s.Reader.Read(p)
}
