package status_test

import (
	"time"

	"aoai-balancer/handler/internal/status"
)

// mixedDocument has every state, every kind of headroom, and troubles of the whole instance. Its cooldown begins again and again.
func mixedDocument(age time.Duration) *status.Document {
	d := emptyDocument()
	d.Recent = status.Answers{OK: 18_204, Throttled: 2, Failed: 1, Rejected: 14, Left: 6, Failovers: 431}
	west, east, sweden, france := madeBackend("westeurope", 1, 2, 9_300, 0), madeBackend("eastus", 1, 1, 4_100, 417), madeBackend("swedencentral", 1, 1, 4_804, 3), madeBackend("francecentral", 2, 0, 0, 0)
	east.Recent.Failed, sweden.Recent.Failed, sweden.Recent.MovedOn = 3, 14, 17
	france.Credential = status.Credential{Kind: "entra", Problem: "the identity has no token for this resource"}
	west.Credential = status.Credential{Kind: "key", Ready: true}
	d.Backends = []status.Backend{west, east, sweden, france}
	d.Deployments = []status.Deployment{mixedChat(age), mixedEmbeddings(), mixedReasoning()}
	d.Fleet = mixedFleet(d.Instance)
	return d
}

func mixedFleet(self status.Instance) status.Fleet {
	fleet := status.Fleet{State: "shared", AgeMS: 4200, Instances: []status.Instance{self}}
	for i, id := range []string{"m2dd81yr", "w9hc5t0b", "zz41pq7e"} {
		fleet.Instances = append(fleet.Instances, status.Instance{
			ID: id, StartedAt: self.StartedAt.Add(time.Duration(i*17) * time.Minute), AgeMS: int64(4200 + 5100*i),
			Answers: status.Answers{OK: uint64(31_200 - 9_000*i), Failovers: uint64(210 - 60*i), Throttled: uint64(i)},
		})
	}
	fleet.More = 3
	return fleet
}

func mixedChat(age time.Duration) status.Deployment {
	const period = 9 * time.Second
	west, east, sweden, france := madeAt("westeurope", 0.5, 8_100, 0), madeAt("eastus", 0.25, 2_600, 412), madeAt("swedencentral", 0.25, 4_100, 3), madeAt("francecentral", 0, 0, 0)
	setShare(&west, 0.547)
	setShare(&east, 0.176)
	setShare(&sweden, 0.277)
	east.State, east.Cause, east.RemainingMS = "cooling", "throttled", (period - age%period).Milliseconds()
	east.Recent.Failed = 3
	east.History.Throttled = []uint32{0, 0, 0, 12, 20, 31, 22, 10, 0, 0, 0, 0, 25, 48, 60, 44, 38, 41, 33, 28}
	east.History.Failed[7] = 3
	requests, requestLimit, none := int64(212), int64(2_500), int64(3_100)
	east.Headroom.RemainingTokens, east.Headroom.RemainingRequests, east.Headroom.LimitRequests = &none, &requests, &requestLimit
	leaveUnused(&france, "drained")
	return status.Deployment{
		Name: "gpt-5.4-mini", Recent: status.Answers{OK: 14_800, Throttled: 2, Failovers: 415},
		Backends: []status.DeploymentAtBackend{west, east, sweden, france},
	}
}

func mixedEmbeddings() status.Deployment {
	west, east, sweden := madeAt("westeurope", 0.5, 1_200, 0), madeAt("eastus", 0.25, 1_100, 5), madeAt("swedencentral", 0.25, 704, 0)
	setShare(&west, 0.4)
	setShare(&east, 0.36)
	setShare(&sweden, 0.24)
	sweden.State, sweden.Cause, sweden.RemainingMS = "broken", "failed", 23_400
	sweden.Recent.Failed, sweden.Recent.MovedOn, sweden.Recent.Missing = 14, 14, 2
	sweden.History.Failed = []uint32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 4, 4}
	sweden.Headroom = nil
	east.Headroom = &status.Headroom{AgeMS: 800, RemainingRequests: new(int64(981))}
	return status.Deployment{
		Name: "text-embedding-3-large", Recent: status.Answers{OK: 3_004, Failovers: 16, Failed: 1},
		Backends: []status.DeploymentAtBackend{west, east, sweden},
	}
}

func mixedReasoning() status.Deployment {
	west, east := madeAt("westeurope", 1, 400, 0), madeAt("eastus", 0, 0, 0)
	west.Headroom = &status.Headroom{AgeMS: 42_100, UtilizationPercent: new(93.4)}
	west.Recent.FirstByte = &status.Latency{P50: 4.21, P95: 18_700}
	leaveUnused(&east, "probing")
	east.Cause = "failed"
	return status.Deployment{Name: "o5-provisioned", Recent: status.Answers{OK: 400}, Backends: []status.DeploymentAtBackend{west, east}}
}

func setShare(b *status.DeploymentAtBackend, of float64) { b.Share = &of }

// leaveUnused takes away what is recent.
func leaveUnused(b *status.DeploymentAtBackend, state string) {
	b.State, b.History, b.Headroom, b.Recent = state, nil, nil, status.Figures{}
	setShare(b, 0)
}
