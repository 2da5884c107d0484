// Reads and writes kubeconfig files: which server, whom it is trusted by, who we are. Files that
// it names are read through an argument. What would run programs (exec, auth-provider) or trust
// anybody (insecure-skip-tls-verify) is refused, not ignored.

import { parse, stringify } from 'yaml';

/** A kubeconfig is a few kilobytes; nobody may make us parse megabytes of YAML. */
const TEXT_BYTES_MAX = 1024 * 1024;

export interface Connection {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  /** What the context says; `default` when it says nothing. */
  readonly namespace: string;
  readonly serverName?: string;
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

export interface KubeconfigSource {
  readonly text: string;
  /** Reads a file that the kubeconfig names, relative to where the kubeconfig is. */
  readonly readFile: (path: string) => string;
  /** Absent: the current context. */
  readonly context?: string | undefined;
}

type Entry = Readonly<Record<string, unknown>>;

/** Throws KubeconfigError. */
export function readKubeconfig({ text, readFile, context }: KubeconfigSource): Connection {
  const document = documentOf(text);
  const contextName = context ?? textOf(document, 'current-context');
  if (contextName === undefined || contextName === '') {
    throw new KubeconfigError('no context is chosen: set current-context');
  }
  const chosen = entryOf(document, 'contexts', 'context', contextName);
  const cluster = entryOf(document, 'clusters', 'cluster', textOf(chosen, 'cluster') ?? '');
  const userName = textOf(chosen, 'user') ?? '';
  const user = userName === '' ? {} : entryOf(document, 'users', 'user', userName);
  refuse(cluster, ['insecure-skip-tls-verify', 'proxy-url']);
  refuse(user, ['exec', 'auth-provider', 'username', 'as']);
  const server = textOf(cluster, 'server');
  if (server === undefined) throw new KubeconfigError('the cluster has no server');
  const tokenFile = textOf(user, 'tokenFile');
  const token = tokenFile === undefined ? textOf(user, 'token') : readFile(tokenFile).trim();
  return {
    server,
    namespace: textOf(chosen, 'namespace') ?? 'default',
    ...present('ca', pemOf(cluster, 'certificate-authority', readFile)),
    ...present('certificate', pemOf(user, 'client-certificate', readFile)),
    ...present('key', pemOf(user, 'client-key', readFile)),
    ...present('token', token),
    ...present('serverName', textOf(cluster, 'tls-server-name')),
  };
}

export interface KubeconfigParts extends Omit<Connection, 'namespace'> {
  /** Name of the cluster, the context and, with `-admin`, the user. */
  readonly name: string;
  readonly namespace?: string;
}

/** The text of a kubeconfig with one context, everything embedded. It holds a key: mode 0600. */
export function kubeconfigText(parts: KubeconfigParts): string {
  const { name, server, ca, certificate, key, token, namespace, serverName } = parts;
  const user = `${name}-admin`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server,
          ...present('certificate-authority-data', base64Of(ca)),
          ...present('tls-server-name', serverName),
        },
      },
    ],
    users: [
      {
        name: user,
        user: {
          ...present('client-certificate-data', base64Of(certificate)),
          ...present('client-key-data', base64Of(key)),
          ...present('token', token),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user, ...present('namespace', namespace) } }],
    'current-context': name,
  });
}

function documentOf(text: string): Entry {
  if (text.length > TEXT_BYTES_MAX) throw new KubeconfigError('the kubeconfig is too large');
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new KubeconfigError('the kubeconfig is no valid YAML', { cause: error });
  }
  if (!isEntry(document)) throw new KubeconfigError('the kubeconfig is empty');
  return document;
}

function entryOf(document: Entry, list: string, field: string, name: string): Entry {
  const entries = document[list];
  const found = Array.isArray(entries)
    ? entries.find((entry) => isEntry(entry) && entry.name === name)
    : undefined;
  const inner: unknown = isEntry(found) ? found[field] : undefined;
  if (!isEntry(inner)) throw new KubeconfigError(`no ${field} is named "${name}"`);
  return inner;
}

/** `field-data` in base64 goes before `field`, a path. */
function pemOf(
  entry: Entry,
  field: string,
  readFile: (path: string) => string,
): string | undefined {
  const data = textOf(entry, `${field}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64').toString();
  const path = textOf(entry, field);
  return path === undefined ? undefined : readFile(path);
}

function refuse(entry: Entry, fields: readonly string[]): void {
  for (const field of fields) {
    if (entry[field]) throw new KubeconfigError(`the kubeconfig uses ${field}: not supported`);
  }
}

function textOf(entry: Entry, field: string): string | undefined {
  const value = entry[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new KubeconfigError(`${field} must be a text`);
  return value === '' ? undefined : value;
}

const base64Of = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : Buffer.from(text).toString('base64');

const present = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };

const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
