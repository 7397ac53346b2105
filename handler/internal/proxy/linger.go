package proxy

import (
	"io"
	"net/http"
	"time"
)

// Bounds of what is read of a body that was refused: a caller of a slow line may not get to read the answer.
const (
	lingerTime  = 5 * time.Second
	lingerBytes = 128 << 20 // more than the platform lets through
)

// linger sends a refusal off and reads on what the caller still sends. Many callers look for an answer only when all is
// sent, and a connection that is closed in the face of what arrives is reset: the answer would be lost, and the Functions
// host would send the request again.
func linger(w http.ResponseWriter, r *http.Request) {
	if w.Header().Get("Connection") != "close" {
		return
	}
	control := http.NewResponseController(w)
	if control.EnableFullDuplex() != nil || control.Flush() != nil || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, lingerBytes)
}
