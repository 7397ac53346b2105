package simulator

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds one request's body in memory; Azure's own limits are lower
// for everything but file uploads.
const maxBody = 128 << 20

// The scripted ends of a call. Every other error means that the caller left.
var (
	errCut   = errors.New("simulator: connection cut as scripted")
	errReset = errors.New("simulator: connection reset as scripted")
)

var errTooLarge = errors.New("simulator: request body too large")

// call is one request on its way through the simulator. It belongs to one
// goroutine.
type call struct {
	o          *OpenAI
	w          http.ResponseWriter
	r          *http.Request
	arrived    time.Time
	route      route
	deployment string
	body       *bytes.Buffer
	ask        ask
	askErr     error
	unread     bool // the body is still on its way
	step       Step
	verdict    verdict
	unique     string
	out        []byte
}

// serve reads, records and answers the request. An error is a scripted end of
// the connection, or the caller's leaving.
func (c *call) serve() error {
	c.unique = c.o.names.next()
	c.verdict.requestsRemain, c.verdict.tokensRemain = -1, -1
	var readErr error
	if c.step, c.unread = c.o.script.take(c.deployment, true); !c.unread {
		readErr = c.read()
	}
	if !c.o.options.NoRecord {
		c.o.record.add(c.describe())
	}
	if errors.Is(readErr, errTooLarge) {
		return c.refuse(http.StatusRequestEntityTooLarge, tooLargeBody)
	}
	if readErr != nil {
		return readErr
	}
	if !c.unread {
		c.step, _ = c.o.script.take(c.deployment, false)
	}
	return c.answer()
}

// read takes in the body and what it asks for.
func (c *call) read() error {
	if n := c.r.ContentLength; n > 0 && n <= maxKeptWorkspace {
		c.body.Grow(int(n) + bytes.MinRead) // ReadFrom wants this much room to see the end
	}
	if _, err := c.body.ReadFrom(io.LimitReader(c.r.Body, maxBody+1)); err != nil {
		return err
	}
	if c.body.Len() > maxBody {
		return errTooLarge
	}
	if c.body.Len() == 0 {
		return nil
	}
	c.ask, c.askErr = c.o.asks.parse(c.r.Header.Get("Content-Type"), c.body.Bytes())
	if c.deployment == "" {
		c.deployment = c.ask.Model
	}
	return nil
}

// answer gives the step's answer, or normal service.
func (c *call) answer() error {
	switch s := &c.step; {
	case s.Hang:
		return c.untilLeft()
	case s.Reset && s.CutAfter == 0:
		if err := c.pause(c.firstDelay()); err != nil {
			return err
		}
		return errReset
	case s.Events != nil:
		return c.stream(len(s.Events), func(dst []byte, i int) []byte {
			return append(append(dst, s.Events[i]...), "\n\n"...)
		})
	case s.answers():
		return c.plain(cmp.Or(s.Status, http.StatusOK), jsonType, []byte(c.stepBody()))
	}
	return c.service()
}

func (c *call) stepBody() string {
	switch {
	case c.step.Body != "":
		return c.step.Body
	case c.step.Status == http.StatusTooManyRequests:
		return throttledBody("call", c.stepHeader("Retry-After"))
	}
	return ErrorBody(c.step.Status)
}

func (c *call) stepHeader(name string) string {
	for key, value := range c.step.Header {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// service answers as Azure does: credential first, then the path, then the
// deployment, the body and the limits.
func (c *call) service() error {
	if body := c.o.keyring.Load().refusal(c.r.Header); body != "" {
		return c.refuse(http.StatusUnauthorized, body)
	}
	versioned := c.route.v1 || c.r.URL.Query().Get("api-version") != ""
	if !c.route.found || !versioned {
		return c.refuse(http.StatusNotFound, noResourceBody)
	}
	if run, ok := c.route.modelOperation(c.r.Method); ok {
		return c.model(run)
	}
	if c.route.deployment != "" {
		return c.refuse(http.StatusNotFound, noResourceBody)
	}
	return c.resource()
}

// model runs an operation of a deployment, within the deployment's limits.
func (c *call) model(run operation) error {
	quota, known := c.o.quotas[c.deployment]
	if !known && c.o.quotas != nil && c.deployment != "" {
		return c.refuse(http.StatusNotFound, noDeploymentBody)
	}
	if c.askErr != nil || c.body.Len() == 0 {
		return c.refuse(http.StatusBadRequest, invalidRequest(badJSONMessage, "", ""))
	}
	if c.deployment == "" {
		return c.refuse(http.StatusBadRequest, invalidRequest("Missing required parameter: 'model'.", "model", "missing_required_parameter"))
	}
	if quota != nil {
		tokens := c.ask.words + max(c.ask.longest(), c.answerWords())
		c.verdict = quota.admit(c.arrived, tokens)
		if c.verdict.wait > 0 {
			seconds := strconv.Itoa(roundUp(c.verdict.wait, time.Second))
			return c.refuse(http.StatusTooManyRequests, throttledBody(c.verdict.limit, seconds))
		}
	}
	return run(c)
}

// answerWords is how long the answer will be.
func (c *call) answerWords() int {
	if n := c.ask.longest(); n > 0 {
		return min(n, c.o.options.Words)
	}
	return c.o.options.Words
}

func (c *call) shapeKey(operation string) shapeKey {
	return shapeKey{
		operation: operation, model: c.modelName(), words: c.answerWords(),
		cut: c.answerWords() < c.o.options.Words, usage: c.ask.Stream && c.ask.StreamOptions.IncludeUsage,
	}
}

func (c *call) modelName() string {
	if q := c.o.quotas[c.deployment]; q != nil && q.Model != "" {
		return q.Model
	}
	return c.deployment
}

func (c *call) values(words int) values {
	return values{unique: c.unique, created: c.arrived.Unix(), input: c.ask.words, output: words}
}
