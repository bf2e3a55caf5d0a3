package queue

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"tranche/internal/billing"
)

// NoEviction is the only maxmemory-policy that keeps every task: a full Redis then refuses new
// tasks, which raises an alarm, and drops none silently.
const NoEviction = "noeviction"

// EvictionPolicy returns Redis's maxmemory-policy. Of several nodes, it returns a policy other than
// NoEviction if any node has one. It returns "" if Redis does not report its policy. Errors:
// billing.ErrUnavailable.
func (q *Queue) EvictionPolicy(ctx context.Context) (string, error) {
	nodes, ok := q.redis.(*redis.ClusterClient)
	if !ok {
		return policyOf(ctx, q.redis)
	}
	var mu sync.Mutex
	found := ""
	err := nodes.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		policy, err := policyOf(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if found == "" || found == NoEviction {
			found = policy
		}
		return err
	})
	return found, err
}

// policyOf asks one server. It uses INFO, because a hosted Redis often does not allow CONFIG.
func policyOf(ctx context.Context, server redis.Cmdable) (string, error) {
	text, err := server.Info(ctx, "memory").Result()
	if err != nil {
		return "", fmt.Errorf("read Redis's maxmemory-policy: %w: %w", billing.ErrUnavailable, err)
	}
	for line := range strings.Lines(text) {
		if policy, ok := strings.CutPrefix(line, "maxmemory_policy:"); ok {
			return strings.TrimSpace(policy), nil
		}
	}
	return "", nil
}
