package cooldown

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// service is a machine whose clock is ahead of this one's and runs at another speed.
type service struct {
	began time.Time
	ahead time.Duration
	fast  float64 // parts of the time that passes
}

func (s *service) now() time.Time {
	passed := time.Since(s.began)
	return s.began.Add(s.ahead + passed + time.Duration(s.fast*float64(passed)))
}

// ask is an answer's Date, with a way there and a way back.
func (s *service) ask(c *clock, there, back time.Duration) {
	sent := time.Now()
	time.Sleep(there) // virtual
	date := s.now().UTC().Truncate(time.Second)
	time.Sleep(back)
	c.observe(sent, time.Now(), date)
}

func TestClock_IsWrongByHalfASecondAtFirstAndByLittleAfterSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range []service{{fast: 0}, {fast: 50e-6}, {fast: -50e-6}} {
			s.began, s.ahead = time.Now(), rand.N(2*time.Hour)-time.Hour
			var c clock
			first, late := time.Duration(0), time.Duration(0)
			for n := range 600 {
				s.ask(&c, rand.N(30*time.Millisecond), rand.N(30*time.Millisecond))
				wrong := s.now().Sub(c.at(time.Now())).Abs()
				if n == 0 {
					first = wrong
				}
				if n >= 60 {
					late = max(late, wrong)
				}
				time.Sleep(time.Second + rand.N(2*time.Second))
			}
			t.Logf("a clock %v ahead, %.0f ppm fast: wrong by %v at first, by at most %v after two minutes", s.ahead, s.fast*1e6, first, late)
			if first > 540*time.Millisecond || late > 100*time.Millisecond {
				t.Error("that is too much")
			}
		}
	})
}

func TestClock_FollowsOneThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service{began: time.Now()}
		var c clock
		for _, ahead := range []time.Duration{0, 90 * time.Second, -time.Hour, 1200 * time.Millisecond} {
			s.ahead = ahead
			for range 30 {
				s.ask(&c, 10*time.Millisecond, 10*time.Millisecond)
				time.Sleep(rand.N(3 * time.Second))
			}
			if wrong := s.now().Sub(c.at(time.Now())).Abs(); wrong > 540*time.Millisecond {
				t.Errorf("wrong by %v when set %v ahead", wrong, ahead)
			}
		}
	})
}

func TestClock_AnAnswerThatTookLongSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service{began: time.Now(), ahead: 3 * time.Minute}
		var c clock
		s.ask(&c, 5*time.Second, 0)
		for range 60 {
			s.ask(&c, rand.N(20*time.Millisecond), rand.N(20*time.Millisecond))
			time.Sleep(rand.N(3 * time.Second))
		}
		s.ask(&c, 0, 5*time.Second)
		if wrong := s.now().Sub(c.at(time.Now())).Abs(); wrong > 100*time.Millisecond {
			t.Errorf("wrong by %v", wrong)
		}
	})
}

func TestSharing_RemembersABoundedNumberOfDeployments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := backend.NewHealth(2, 10*time.Second, 2*time.Minute)
		s := newSharing(Options{Health: h, Backends: []string{"a", "b"}, Longest: 2 * time.Minute})
		h.Share(s.asked)
		path := strings.Repeat("x", 1<<10)
		for n := range 5000 {
			number := strconv.Itoa(n)
			name := (number + path)[:len(number)]
			for i := range 2 {
				if attempt, ok := h.Begin(i, name); ok {
					attempt.Throttled(time.Minute)
				}
			}
			if n%100 == 0 {
				s.due(time.Now())
			}
		}
		if len(s.deployments) != maxDeployments || len(s.queue) != maxDeployments {
			t.Errorf("%d deployments, %d in the queue", len(s.deployments), len(s.queue))
		}
		time.Sleep(time.Minute)
		s.due(time.Now())
		if d, _ := s.take(); d != nil || len(s.queue) > 0 {
			t.Error("the queue holds what is over")
		}
		if s.due(time.Now()); len(s.deployments) > 0 {
			t.Errorf("%d deployments that are not in use are remembered", len(s.deployments))
		}
	})
}
