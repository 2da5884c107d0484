import { expect, test } from 'vitest';
import { kubeconfigText, readKubeconfig } from './kubeconfig.ts';

const noFiles = (path: string): string => expect.unreachable(`reads ${path}`);

test('what was written is read back', () => {
  const parts = {
    server: 'https://127.0.0.1:6443',
    ca: '-----BEGIN CA',
    certificate: '-----BEGIN CERT',
    key: '-----BEGIN KEY',
  };
  const text = kubeconfigText({ name: 'wherry', ...parts });
  expect(readKubeconfig({ text, readFile: noFiles })).toEqual({ ...parts, namespace: 'default' });
});

const TEXT = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- {name: c, cluster: {server: "https://a:1", certificate-authority: ca.crt}}
- {name: open, cluster: {server: "https://a:1", insecure-skip-tls-verify: true}}
users:
- {name: u, user: {client-certificate: u.crt, client-key: u.key}}
- {name: robot, user: {tokenFile: token}}
- {name: exec, user: {exec: {command: rm}}}
contexts:
- {name: dev, context: {cluster: c, user: u, namespace: shop}}
- {name: ci, context: {cluster: c, user: robot}}
- {name: open, context: {cluster: open, user: u}}
- {name: exec, context: {cluster: c, user: exec}}
- {name: lost, context: {cluster: gone, user: u}}
`;
const readFile = (path: string) => `text of ${path}\n`;

test('files are read, contexts chosen, namespaces kept', () => {
  expect(readKubeconfig({ text: TEXT, readFile })).toEqual({
    server: 'https://a:1',
    ca: 'text of ca.crt\n',
    certificate: 'text of u.crt\n',
    key: 'text of u.key\n',
    namespace: 'shop',
  });
  expect(readKubeconfig({ text: TEXT, readFile, context: 'ci' })).toMatchObject({
    token: 'text of token',
    namespace: 'default',
  });
});

test.each([
  ['open', /insecure-skip-tls-verify: not supported/],
  ['exec', /exec: not supported/],
  ['lost', /no cluster is named "gone"/],
  ['none', /no context is named "none"/],
])('context %s is refused', (context, why) => {
  expect(() => readKubeconfig({ text: TEXT, readFile, context })).toThrow(why);
});

test.each(['', '[', 'a: 1', 'x'.repeat(2_000_000)])('a broken file is refused', (text) => {
  expect(() => readKubeconfig({ text, readFile })).toThrow(/kubeconfig|context/);
});
