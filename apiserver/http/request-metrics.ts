// What is asked of this server and how long it takes, under upstream's names.

import type { Metrics } from '../../machinery/metrics.ts';
import type { Attributes } from '../authz/attributes.ts';
import { isAboutPath, resourceNameOf } from '../authz/attributes.ts';
import type { Registry } from '../registry/registry.ts';

/** Call it when the request begins; the answer, when it has ended. */
export type Measure = (attributes: Attributes) => (code: number) => void;

interface Parts {
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly registry: Pick<Registry, 'kinds'>;
}

export function requestMetrics({ metrics, nowMs, registry }: Parts): Measure {
  // Names come from URLs: only those that exist may become labels.
  const known = new Set(
    registry.kinds.map(({ resource }) => `${resource.group}/${resource.plural}`),
  );
  const total = metrics.counter(
    'apiserver_request_total',
    'Requests by what they ask and how they end',
    ['verb', 'resource', 'code'],
  );
  const durations = metrics.histogram(
    'apiserver_request_duration_seconds',
    'Time from the request to the end of its answer, watches aside',
    ['verb', 'resource'],
  );
  let inFlight = 0;
  metrics.gauge(
    'apiserver_current_inflight_requests',
    'Requests, watches and streams',
    [],
    () => inFlight,
  );

  return (attributes) => {
    const startMs = nowMs();
    const { verb } = attributes;
    const isKnown =
      !isAboutPath(attributes) && known.has(`${attributes.group}/${attributes.plural}`);
    const resource = isKnown ? resourceNameOf(attributes) : '';
    inFlight += 1;
    return (code) => {
      inFlight -= 1;
      total.add({ verb: isKnown ? verb : '', resource, code });
      if (verb !== 'watch')
        durations.observe((nowMs() - startMs) / 1000, { verb: isKnown ? verb : '', resource });
    };
  };
}
