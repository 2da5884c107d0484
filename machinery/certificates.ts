// A certificate authority of our own, and the certificates it issues: ECDSA P-256, PEM texts.
// Used by `wherry up` and by tests; no running component imports it (it is not small).

import './reflect-metadata.ts';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 3_600_000;
const CA_DAYS = 10 * 365;
const LEAF_DAYS = 365;
/** Clocks of several machines may differ a little: a certificate is good from an hour ago. */
const BACKDATE_MS = 3_600_000;

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface CertificateRequest {
  /** The user's name, for clients. */
  readonly commonName: string;
  /** The user's groups, for clients. */
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses that a server answers under. */
  readonly hosts?: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
  readonly days?: number;
}

export interface Ca extends KeyPair {
  issue(request: CertificateRequest): Promise<KeyPair>;
}

export interface CaParts {
  readonly clock: Clock;
  readonly random: Random;
}

export async function makeCa(commonName: string, { clock, random }: CaParts): Promise<Ca> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialOf(random),
    name: nameOf(commonName),
    notBefore: new Date(clock.now() - BACKDATE_MS),
    notAfter: new Date(clock.now() + CA_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pair = { certificate: pemOf(certificate), key: await privatePemOf(keys.privateKey) };
  return caOf(pair, certificate, keys.privateKey, { clock, random });
}

/** The authority again, from what `makeCa` gave. */
export async function loadCa(pair: KeyPair, parts: CaParts): Promise<Ca> {
  const der = x509.PemConverter.decodeFirst(pair.key);
  const key = await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  return caOf(pair, new x509.X509Certificate(pair.certificate), key, parts);
}

/** A key pair for signing service-account tokens: both PEM. */
export async function makeSigningKey(): Promise<{ readonly key: string; readonly public: string }> {
  const keys = await generateKeys();
  const spki = await crypto.subtle.exportKey('spki', keys.publicKey);
  return {
    key: await privatePemOf(keys.privateKey),
    public: `${x509.PemConverter.encode(spki, 'PUBLIC KEY')}\n`,
  };
}

function caOf(
  pair: KeyPair,
  certificate: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  { clock, random }: CaParts,
): Ca {
  return {
    ...pair,
    async issue({ commonName, organizations = [], hosts = [], usages, days = LEAF_DAYS }) {
      const keys = await generateKeys();
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serialOf(random),
        subject: nameOf(commonName, organizations),
        issuer: certificate.subjectName,
        notBefore: new Date(clock.now() - BACKDATE_MS),
        notAfter: new Date(clock.now() + days * DAY_MS),
        signingAlgorithm: ALGORITHM,
        publicKey: keys.publicKey,
        signingKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension(usages.map(usageOf)),
          await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey),
          ...(hosts.length > 0 ? [new x509.SubjectAlternativeNameExtension(hosts.map(sanOf))] : []),
        ],
      });
      return { certificate: pemOf(leaf), key: await privatePemOf(keys.privateKey) };
    },
  };
}

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

const nameOf = (commonName: string, organizations: readonly string[] = []): x509.Name =>
  new x509.Name([...organizations.map((one) => ({ O: [one] })), { CN: [commonName] }]);

const usageOf = (usage: 'server' | 'client'): x509.ExtendedKeyUsage =>
  usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;

const sanOf = (host: string) =>
  ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) satisfies x509.JsonGeneralName;

/** Positive and free of a leading zero byte, as DER wants it. */
const serialOf = (random: Random): string => `4${random.uuid().replaceAll('-', '').slice(1)}`;

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

async function privatePemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}
