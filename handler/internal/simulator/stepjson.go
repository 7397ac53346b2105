package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// stepJSON is a step on the wire.
type stepJSON struct {
	Times      int               `json:"times,omitempty"`
	Deployment string            `json:"deployment,omitempty"`
	Status     int               `json:"status,omitempty"`
	Header     map[string]string `json:"header,omitempty"`
	Body       string            `json:"body,omitempty"`
	Delay      jsonDuration      `json:"delay,omitempty"`
	Early      bool              `json:"early,omitempty"`
	Hang       bool              `json:"hang,omitempty"`
	Reset      bool              `json:"reset,omitempty"`
	CutAfter   int               `json:"cutAfter,omitempty"`
	Stall      int               `json:"stall,omitempty"`
	EventDelay jsonDuration      `json:"eventDelay,omitempty"`
	Events     []string          `json:"events,omitempty"`
}

// UnmarshalJSON reads the fields of Step by their names with a small first
// letter; the case does not matter, but an unknown name is an error. A duration
// is text as time.ParseDuration has it ("1.5s") or a number of milliseconds.
func (s *Step) UnmarshalJSON(text []byte) error {
	var w stepJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		return err
	}
	if w.Status != 0 && (w.Status < 200 || w.Status > 599) {
		return fmt.Errorf("status %d is none of 200 to 599", w.Status)
	}
	*s = Step{
		Times: w.Times, Deployment: w.Deployment, Status: w.Status, Header: w.Header, Body: w.Body,
		Delay: time.Duration(w.Delay), Early: w.Early, Hang: w.Hang, Reset: w.Reset, CutAfter: w.CutAfter,
		Stall: w.Stall, EventDelay: time.Duration(w.EventDelay), Events: w.Events,
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads, durations as text.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(stepJSON{
		Times: s.Times, Deployment: s.Deployment, Status: s.Status, Header: s.Header, Body: s.Body,
		Delay: jsonDuration(s.Delay), Early: s.Early, Hang: s.Hang, Reset: s.Reset, CutAfter: s.CutAfter,
		Stall: s.Stall, EventDelay: jsonDuration(s.EventDelay), Events: s.Events,
	})
}

type jsonDuration time.Duration

var errDuration = errors.New(`a duration is text such as "1.5s" or a number of milliseconds, not below 0`)

func (d *jsonDuration) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	var parsed time.Duration
	switch v := value.(type) {
	case string:
		var err error
		if parsed, err = time.ParseDuration(v); err != nil {
			return errDuration
		}
	case float64:
		if v > float64(math.MaxInt64/time.Millisecond) {
			return errDuration
		}
		parsed = time.Duration(v * float64(time.Millisecond))
	default:
		return errDuration
	}
	if parsed < 0 {
		return errDuration
	}
	*d = jsonDuration(parsed)
	return nil
}

func (d jsonDuration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}
