import { expect, test } from 'vitest';
import { isKillOf } from './oom.ts';

const record = (group: string, task: string) =>
  `4,987,8058379210,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c0ffee,mems_allowed=0,oom_memcg=/docker/${group},task_memcg=/docker/${task},task=dd,pid=6354,uid=0\n`;

test('a kill counts for the container whose limit was hit', () => {
  expect(isKillOf('c0ffee', record('c0ffee', 'c0ffee'))).toBe(true);
  expect(isKillOf('c0ffee', record('bead', 'bead'))).toBe(false);
  expect(isKillOf('c0ffee', '6,1,2,-;docker0: port 1(c0ffee) entered forwarding state\n')).toBe(
    false,
  );
});

test('a machine short of memory is not the fault of the one that died for it', () => {
  const global = record('', 'c0ffee').replace('CONSTRAINT_MEMCG', 'CONSTRAINT_NONE');
  expect(isKillOf('c0ffee', global)).toBe(false);
});
