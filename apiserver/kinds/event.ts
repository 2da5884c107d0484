// Event: something that happened to an object, for people to read. Whole rows of its own: when it
// was last seen comes first.

import { ageOf } from '../../machinery/duration.ts';
import type { Event, ObjectReference } from '../../proto/generated/core.v1.ts';
import { EVENTS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';

export const eventKind = defineKind<Event>({
  resource: EVENTS,
  createOnUpdate: true,

  fields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },

  hasAllColumns: true,
  columns: [
    { name: 'Last Seen', value: (event, nowMs) => ageOf(lastSeen(event), nowMs) },
    { name: 'Type', value: ({ type }) => type ?? '' },
    { name: 'Reason', value: ({ reason }) => reason ?? '' },
    { name: 'Object', value: ({ involvedObject }) => objectText(involvedObject) },
    {
      name: 'Subobject',
      wide: true,
      value: ({ involvedObject }) => involvedObject.fieldPath ?? '',
    },
    { name: 'Source', wide: true, value: sourceText },
    { name: 'Message', value: ({ message }) => (message ?? '').trim() },
    { name: 'First Seen', wide: true, value: (event, nowMs) => ageOf(firstSeen(event), nowMs) },
    { name: 'Count', wide: true, value: (event) => String(countOf(event)) },
    { name: 'Name', wide: true, value: ({ metadata }) => metadata.name },
  ],

  validate({ metadata, involvedObject }, faults) {
    const about = involvedObject?.namespace;
    // Events about nodes and the like may be kept in any namespace.
    if (!about || about === metadata.namespace) return;
    faults.invalid('involvedObject.namespace', about, 'does not match event.namespace');
  },
});

const lastSeen = ({ series, lastTimestamp, eventTime, firstTimestamp }: Event) =>
  series?.lastObservedTime ?? lastTimestamp ?? firstTimestamp ?? eventTime;
const firstSeen = ({ firstTimestamp, eventTime }: Event) => firstTimestamp ?? eventTime;
const countOf = ({ series, count }: Event): number => series?.count ?? (count || 1);

const objectText = ({ kind = '', name = '' }: ObjectReference): string =>
  name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.host || reportingInstance || '';
  return [component, host].filter((part) => part !== '').join(', ');
}
