import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('what was counted, set and observed is in the text, beside the process itself', async () => {
  const metrics = createMetrics();
  const requests = metrics.counter('requests_total', 'requests', ['code']);
  requests.add({ code: 200 });
  requests.add({ code: 200 }, 2);
  metrics.gauge('depth', 'queue depth').set(7);
  metrics.gauge('live', 'read on demand', [], () => 42);
  metrics.histogram('seconds', 'latency').observe(0.02);
  const text = await metrics.text();
  expect(text).toContain('requests_total{code="200"} 3');
  expect(text).toContain('depth 7');
  expect(text).toContain('live 42');
  expect(text).toContain('seconds_bucket{le="0.025"} 1');
  expect(text).toMatch(/process_resident_memory_bytes \d{6,}/);
  expect(text).toMatch(/process_cpu_seconds_total 0?\.?\d/);
});

test('two components in one process do not share metrics', async () => {
  const [a, b] = [createMetrics(), createMetrics()];
  a.counter('only_a_total', 'a').add();
  b.counter('only_a_total', 'a of b');
  expect(await a.text()).toContain('only_a_total 1');
  expect(await b.text()).toContain('only_a_total 0');
});
