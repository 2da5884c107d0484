// Job and CronJob: pods that are meant to end.

import { ageOf, humanDuration } from '../../machinery/duration.ts';
import type { CronJob, Job } from '../../proto/generated/batch.v1.ts';
import { CRON_JOBS, JOBS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import {
  defaultTemplate,
  selectorText,
  templateColumns,
  validateImmutable,
  validateNotNegative,
  validateTemplate,
  workloadColumns,
} from './template.ts';

const RESTART_POLICIES = ['OnFailure', 'Never'] as const;
const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const;
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const;
const BACKOFF_LIMIT = 6;
/** Room for the eleven characters that a CronJob's jobs get behind its name. */
const CRON_JOB_NAME_LENGTH_MAX = 52;

export const jobKind = defineKind<Job>({
  resource: JOBS,
  hasStatus: true,
  hasGeneration: true,
  defaultPropagation: 'Background',
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    { name: 'Status', value: jobStatus },
    {
      name: 'Completions',
      value({ spec, status }) {
        const done = status?.succeeded ?? 0;
        if (spec.completions !== undefined) return `${done}/${spec.completions}`;
        const parallel = spec.parallelism ?? 0;
        return parallel > 1 ? `${done}/1 of ${parallel}` : `${done}/1`;
      },
    },
    { name: 'Duration', value: jobDuration },
    ...workloadColumns,
  ],
  defaults({ spec }) {
    if (spec.completions === undefined && spec.parallelism === 1) spec.completions = 1;
    spec.backoffLimit ??= BACKOFF_LIMIT;
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
    defaultTemplate(spec.template);
  },
  prepareCreate(job) {
    job.status = {};
    if (job.spec.manualSelector) return;
    const { uid = '', name } = job.metadata;
    // The pods of a job are told apart by its uid, whatever labels its template has.
    const { template } = job.spec;
    const labels = { ...template.metadata?.labels };
    for (const label of UID_LABELS) labels[label] = uid;
    for (const label of NAME_LABELS) labels[label] = name;
    template.metadata = { ...template.metadata, labels } as NonNullable<typeof template.metadata>;
    job.spec.selector = { matchLabels: { [UID_LABELS[0]]: uid } };
  },
  validate({ spec }, faults) {
    for (const field of ['parallelism', 'completions', 'backoffLimit'] as const) {
      validateNotNegative(`spec.${field}`, spec[field], faults);
    }
    validateTemplate(spec.template, 'spec.template', { faults, restartPolicies: RESTART_POLICIES });
  },
  validateUpdate({ spec }, { spec: previous }, faults) {
    for (const field of ['selector', 'completionMode', 'podFailurePolicy'] as const) {
      const change = { value: spec[field], previous: previous[field] };
      validateImmutable(`spec.${field}`, change, faults);
    }
    if (previous.suspend) return;
    const change = { value: spec.template, previous: previous.template };
    validateImmutable('spec.template', change, faults);
  },
});

function jobStatus({ metadata, spec, status }: Job): string {
  const has = (type: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (has('Suspended') || spec.suspend) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  return has('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function jobDuration({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return '';
  const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return humanDuration(endMs - Date.parse(status.startTime));
}

export const cronJobKind = defineKind<CronJob>({
  resource: CRON_JOBS,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    { name: 'Schedule', value: ({ spec }) => spec.schedule },
    { name: 'Timezone', value: ({ spec }) => spec.timeZone ?? '<none>' },
    { name: 'Suspend', value: ({ spec }) => (spec.suspend ? 'True' : 'False') },
    { name: 'Active', type: 'integer', value: ({ status }) => status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      value: ({ status }, nowMs) =>
        status?.lastScheduleTime ? ageOf(status.lastScheduleTime, nowMs) : '<none>',
    },
    ...templateColumns((object) => (object as CronJob).spec.jobTemplate?.spec?.template),
    {
      name: 'Selector',
      wide: true,
      value: ({ spec }) => selectorText(spec.jobTemplate?.spec?.selector),
    },
  ],
  defaults({ spec }) {
    defaultTemplate(spec.jobTemplate?.spec?.template);
  },
  prepareCreate(cronJob) {
    cronJob.status = {};
  },
  validate({ metadata, spec }, faults) {
    if (metadata.name && metadata.name.length > CRON_JOB_NAME_LENGTH_MAX) {
      const why = `must be no more than ${CRON_JOB_NAME_LENGTH_MAX} characters`;
      faults.invalid('metadata.name', metadata.name, why);
    }
    if (spec.schedule && spec.schedule.trim().split(/\s+/).length !== 5) {
      if (!spec.schedule.startsWith('@')) {
        const why = 'expected exactly 5 fields';
        faults.invalid('spec.schedule', spec.schedule, why);
      }
    }
    const path = 'spec.jobTemplate.spec.template';
    const at = { faults, restartPolicies: RESTART_POLICIES };
    validateTemplate(spec.jobTemplate?.spec?.template, path, at);
  },
});
