// What this server says it is: the API of Kubernetes 1.36, served by Wherry.

import { arch, version as nodeVersion, platform } from 'node:process';

const MAJOR = '1';
const MINOR = '36';
const WHERRY_VERSION = '0.1.0';

/** Build metadata, not a pre-release: tools that ask for at least 1.36 must be content. */
export const GIT_VERSION = `v${MAJOR}.${MINOR}.0+wherry-${WHERRY_VERSION}`;

export const versionInfo = (): object => ({
  major: MAJOR,
  minor: MINOR,
  gitVersion: GIT_VERSION,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${nodeVersion}`,
  compiler: 'tsc',
  platform: `${platform}/${arch === 'x64' ? 'amd64' : arch}`,
});
