package stack

import (
	"context"
	"io"
	"net/http"
	"time"
)

// pollInterval is how often Until looks.
const pollInterval = 10 * time.Millisecond

// Until waits until the condition holds. It looks at once and then every 10 ms; the error is why ctx ended.
func Until(ctx context.Context, holds func() bool) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// isReady asks as the Functions host does.
func isReady(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return err == nil && response.StatusCode == http.StatusOK
}
