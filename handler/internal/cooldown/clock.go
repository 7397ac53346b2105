package cooldown

import "time"

const (
	// resolution is that of a Date header (RFC 9110, section 5.6.7): the true time is up to a second later.
	resolution = time.Second
	// drift is what clocks are allowed to differ in speed: one part in ten thousand, more than any machine's do.
	drift = 10_000
)

// clock tells another machine's time. It measures by how much that is ahead of the time that passes here, on the clock
// that nobody sets. Every observation bounds it, to a second at first; together, at different moments of a second, they
// bound it more closely. The zero value has observed nothing and must not be asked.
type clock struct {
	here, there time.Time     // a moment here, and about the same one there
	low, high   time.Duration // by how much the true one there is later
	last        time.Time     // when it was observed last
}

// observe takes in that an answer to what was sent at one moment and received at another bears a date, rounded down.
func (c *clock) observe(sent, received, date time.Time) {
	if c.here.IsZero() {
		c.here, c.there, c.last = sent, date, received
		c.low, c.high = sent.Sub(received), resolution
		return
	}
	shift := date.Sub(c.there)
	low, high := shift-received.Sub(c.here), shift+resolution-sent.Sub(c.here)
	slow := max(0, received.Sub(c.last)) / drift
	c.low, c.high, c.last = max(low, c.low-slow), min(high, c.high+slow), received
	if c.low > c.high { // it was set there, or time stood still here
		c.low, c.high = low, high
	}
}

// at is what the clock there shows at a moment here.
func (c *clock) at(here time.Time) time.Time {
	return c.there.Add(here.Sub(c.here) + c.low + (c.high-c.low)/2)
}
