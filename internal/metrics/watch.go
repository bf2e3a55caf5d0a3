package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tranche/internal/alarm"
)

// lookTimeout bounds what is looked up for one scrape; Prometheus gives up after ten seconds by
// default.
const lookTimeout = 5 * time.Second

// Depth is how many tasks of one queue are in one state.
type Depth struct {
	Queue, State string
	Tasks        int
}

// Sources are looked at for each scrape. Those that are nil are left out.
type Sources struct {
	// Alarms should be a cached checker: the page needs no key.
	Alarms alarm.Checker
	Depths func(ctx context.Context) ([]Depth, error)
	// LastTick is when this process's scheduler last looked at the calendar.
	LastTick func() time.Time
	// Pending counts the messages that endpoints have not taken yet. It should be cached, as Alarms.
	Pending func(ctx context.Context) (int, error)
}

// Watch adds what is looked up at each scrape. It may be called once.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(newWatcher(s)) }

type watcher struct {
	Sources
	alarms, depth, up, tick, pending *prometheus.Desc
}

func newWatcher(s Sources) watcher {
	return watcher{
		Sources: s,
		alarms: prometheus.NewDesc("tranche_alarms",
			"What should have happened by now and did not, by alarm; 0 is well.", []string{"alarm", "severity"}, nil),
		depth: prometheus.NewDesc("tranche_queue_tasks", "Tasks in the queue, by state.", []string{"queue", "state"}, nil),
		up:    prometheus.NewDesc("tranche_up", "Whether what the other gauges are read from answers.", []string{"source"}, nil),
		tick: prometheus.NewDesc("tranche_scheduler_last_tick_timestamp_seconds",
			"When the scheduler of this process last looked at the calendar, in real time; 0 if never.", nil, nil),
		pending: prometheus.NewDesc("tranche_webhook_deliveries_pending",
			"Messages that endpoints have not taken yet; 10000 means that or more.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (w watcher) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.alarms, w.depth, w.up, w.tick, w.pending} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (w watcher) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	if w.Alarms != nil {
		w.collectAlarms(ctx, out)
	}
	if w.Depths != nil {
		w.collectDepths(ctx, out)
	}
	if w.LastTick != nil {
		seconds := 0.0
		if t := w.LastTick(); !t.IsZero() {
			seconds = float64(t.UnixMilli()) / 1000
		}
		out <- gauge(w.tick, seconds)
	}
	if w.Pending != nil {
		if n, err := w.Pending(ctx); err == nil {
			out <- gauge(w.pending, float64(n))
		}
	}
}

// collectAlarms shows every alarm there can be, so that one that is well differs from one that is
// not looked for.
func (w watcher) collectAlarms(ctx context.Context, out chan<- prometheus.Metric) {
	raised, err := w.Alarms.Check(ctx)
	out <- gauge(w.up, answers(err), "database")
	if err != nil {
		return
	}
	counts := map[string]int{}
	for _, a := range raised {
		counts[a.Name] = a.Count
	}
	for _, known := range alarm.Known() {
		out <- gauge(w.alarms, float64(counts[known.Name]), known.Name, string(known.Severity))
	}
}

func (w watcher) collectDepths(ctx context.Context, out chan<- prometheus.Metric) {
	depths, err := w.Depths(ctx)
	out <- gauge(w.up, answers(err), "queue")
	for _, d := range depths {
		out <- gauge(w.depth, float64(d.Tasks), d.Queue, d.State)
	}
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func answers(err error) float64 {
	if err != nil {
		return 0
	}
	return 1
}
