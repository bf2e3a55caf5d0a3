package app

import "tranche/internal/queue"

// openRedis uses the Redis of the configuration, or starts one in the process.
func (s *services) openRedis() (err error) {
	if !s.cfg.Embedded() {
		s.redis, err = queue.Options(s.cfg.RedisURL)
		return err
	}
	embedded, err := queue.StartEmbedded()
	if err != nil {
		return err
	}
	s.opened.add("embedded Redis", quietly(embedded.Close))
	s.redis = embedded.Options()
	return nil
}
