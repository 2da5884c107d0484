import { expect, test } from 'vitest';
import { containerSpec } from '../test/kubelet-builders.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { type ImageAnswer, Images } from './images.ts';
import type { Image, Runtime } from './runtime/runtime.ts';

const IMAGE: Image = { id: 'sha256:1', names: [], digests: [], sizeBytes: 1, user: '' };

function setUp(pull: () => Promise<Image>, isPresent = false) {
  const clock = new FakeClock();
  let present = isPresent;
  const woken: string[] = [];
  const runtime = {
    image: async () => (present ? IMAGE : undefined),
    pullImage: async () => {
      const image = await pull();
      present = true;
      return image;
    },
  } as unknown as Runtime;
  const signal = new AbortController().signal;
  const images = new Images({ runtime, clock, signal, onDone: (uid) => woken.push(uid) });
  const ensure = (image: string, imagePullPolicy?: 'Always' | 'Never' | 'IfNotPresent') =>
    images.ensure({
      podUid: 'uid',
      spec: containerSpec('main', { image, ...(imagePullPolicy && { imagePullPolicy }) }),
      attempt: 0,
    });
  return { clock, woken, ensure };
}

const reasonOf = (answer: ImageAnswer): string =>
  answer.type === 'refused' ? answer.waiting.reason : answer.type;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('an image that is there is used', async () => {
  const { ensure } = setUp(async () => IMAGE, true);
  expect(reasonOf(await ensure('shop/web:1'))).toBe('present');
});

test('an image that is not there is pulled in the background, and the pod is told', async () => {
  const { ensure, woken } = setUp(async () => IMAGE);
  expect(reasonOf(await ensure('shop/web:1'))).toBe('pulling');
  await settled();
  expect(woken).toEqual(['uid']);
  expect(await ensure('shop/web:1')).toMatchObject({ type: 'present', wasPulled: true });
});

test('Always pulls once for each start, even when the image is there', async () => {
  const { ensure } = setUp(async () => IMAGE, true);
  expect(reasonOf(await ensure('shop/web', 'Always'))).toBe('pulling');
  await settled();
  expect(reasonOf(await ensure('shop/web', 'Always'))).toBe('present');
});

test('Never does not pull', async () => {
  const { ensure } = setUp(async () => IMAGE);
  expect(reasonOf(await ensure('shop/web:1', 'Never'))).toBe('ErrImageNeverPull');
});

test('a failed pull is told, then backs off, then is tried again', async () => {
  const { ensure, clock } = setUp(() => Promise.reject(new Error('no such host')));
  await ensure('shop/web:1');
  await settled();
  const failed = await ensure('shop/web:1');
  expect(reasonOf(failed)).toBe('ErrImagePull');
  expect(failed).toMatchObject({
    retryAtMs: 10_000,
    waiting: { message: 'failed to pull image "shop/web:1": no such host' },
  });
  expect(reasonOf(await ensure('shop/web:1'))).toBe('ImagePullBackOff');
  await clock.advance(10_000);
  expect(reasonOf(await ensure('shop/web:1'))).toBe('pulling');
  await settled();
  expect(await ensure('shop/web:1')).toMatchObject({ retryAtMs: 10_000 + 20_000 });
});

test('hosts, ports, tags and digests are part of image names', async () => {
  const { ensure } = setUp(async () => IMAGE, true);
  const digest = `sha256:${'0a'.repeat(32)}`;
  for (const name of [
    'a',
    'a/b_c/d-e',
    'Host.example:5000/x:Tag_1',
    `x@${digest}`,
    `x:1@${digest}`,
  ]) {
    expect(reasonOf(await ensure(name, 'IfNotPresent')), name).toBe('present');
  }
});

test('what is no image name is never asked for', async () => {
  const { ensure } = setUp(() => Promise.reject(new Error('asked')));
  for (const name of ['', 'with space', 'Upper:1', 'a/Upper:1', 'a:b:c', '-x', 'x@sha256:1']) {
    expect(reasonOf(await ensure(name)), name).toBe('InvalidImageName');
  }
});
