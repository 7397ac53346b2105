package affinity

import (
	"container/list"
	"time"
)

// recent keeps the homes that were used last, each until its time is over. It is not safe for concurrent use.
type recent struct {
	room  int
	byID  map[string]*list.Element
	order list.List // of *entry, the last used first
}

type entry struct {
	id    string
	home  Home
	until time.Time
}

func newRecent(room int) recent { return recent{room: room, byID: map[string]*list.Element{}} }

func (r *recent) get(id string, now time.Time) (Home, bool) {
	e := r.byID[id]
	if e == nil {
		return Home{}, false
	}
	if !now.Before(e.Value.(*entry).until) {
		r.drop(e)
		return Home{}, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*entry).home, true
}

func (r *recent) put(id string, home Home, until time.Time) {
	if e := r.byID[id]; e != nil {
		r.drop(e)
	}
	if len(r.byID) >= r.room {
		r.drop(r.order.Back())
	}
	r.byID[id] = r.order.PushFront(&entry{id, home, until})
}

func (r *recent) drop(e *list.Element) {
	delete(r.byID, e.Value.(*entry).id)
	r.order.Remove(e)
}
