// Which texts may name things. Each check answers the list of what is wrong, empty if nothing is,
// in words that users of Kubernetes know. Source: RFC 1123, RFC 1035, RFC 6335 and the
// validation package of Kubernetes' apimachinery.

type Check = (value: string) => readonly string[];

export const DNS_LABEL_LENGTH_MAX = 63;
export const DNS_SUBDOMAIN_LENGTH_MAX = 253;
export const LABEL_VALUE_LENGTH_MAX = 63;
const PORT_NAME_LENGTH_MAX = 15;
const QUALIFIED_NAME_LENGTH_MAX = 63;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const DNS_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';
const ENV_VAR = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HTTP_HEADER = '[-A-Za-z0-9]+';

export const maxLength = (max: number): string => `must be no more than ${max} characters`;
export const inclusiveRange = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`;
export const mustMatch = (rule: string, pattern: string, ...examples: string[]): string => {
  const eg = examples.map((example) => `'${example}', `).join(' or ');
  return examples.length === 0
    ? `${rule} (regex used for validation is '${pattern}')`
    : `${rule} (e.g. ${eg}regex used for validation is '${pattern}')`;
};

const LABEL_RULE = mustMatch(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', " +
    'and must start and end with an alphanumeric character',
  LABEL,
  'my-name',
  '123-abc',
);
const SUBDOMAIN_RULE = mustMatch(
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
    "'-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  'example.com',
);
const DNS_1035_RULE = mustMatch(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an " +
    'alphabetic character, and end with an alphanumeric character',
  DNS_1035,
  'my-name',
  'abc-123',
);
const QUALIFIED_RULE = mustMatch(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
    'alphanumeric character',
  QUALIFIED,
  'MyName',
  'my.name',
  '123-abc',
);
const LABEL_VALUE_RULE = mustMatch(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or " +
    "'.', and must start and end with an alphanumeric character",
  LABEL_VALUE,
  'MyValue',
  'my_value',
  '12345',
);
const ENV_VAR_RULE = mustMatch(
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', " +
    "or '.', and must not start with a digit",
  ENV_VAR,
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
);
const CONFIG_KEY_RULE = mustMatch(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  CONFIG_KEY,
  'key.name',
  'KEY_NAME',
  'key-name',
);

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const LABEL_REGEX = whole(LABEL);
const SUBDOMAIN_REGEX = whole(SUBDOMAIN);
const DNS_1035_REGEX = whole(DNS_1035);
const QUALIFIED_REGEX = whole(QUALIFIED);
const LABEL_VALUE_REGEX = whole(LABEL_VALUE);
const ENV_VAR_REGEX = whole(ENV_VAR);
const CONFIG_KEY_REGEX = whole(CONFIG_KEY);
const HTTP_HEADER_REGEX = whole(HTTP_HEADER);

/** Length comes first, so that no pattern ever walks a long text. */
function check(value: string, max: number, pattern: RegExp, rule: string): readonly string[] {
  if (value.length > max) return [maxLength(max)];
  return pattern.test(value) ? [] : [rule];
}

export const isDnsSubdomain: Check = (value) =>
  check(value, DNS_SUBDOMAIN_LENGTH_MAX, SUBDOMAIN_REGEX, SUBDOMAIN_RULE);

export const isDnsLabel: Check = (value) => {
  const faults = check(value, DNS_LABEL_LENGTH_MAX, LABEL_REGEX, LABEL_RULE);
  const dotsOnly = faults[0] === LABEL_RULE && SUBDOMAIN_REGEX.test(value);
  return dotsOnly ? ['must not contain dots'] : faults;
};

/** Names of Services: they may not begin with a digit. */
export const isDns1035Label: Check = (value) =>
  check(value, DNS_LABEL_LENGTH_MAX, DNS_1035_REGEX, DNS_1035_RULE);

export const isWildcardDnsSubdomain: Check = (value) =>
  value.startsWith('*.') && isDnsSubdomain(value.slice(2)).length === 0
    ? []
    : ["a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain"];

/** `name` or `prefix/name`: keys of labels, annotations, taints and resources. */
export const isQualifiedName: Check = (value) => {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a qualified name ${QUALIFIED_RULE} with an optional DNS subdomain prefix and '/' ` +
        "(e.g. 'example.com/MyName')",
    ];
  }
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const faults: string[] = [];
  if (prefix === '') faults.push('prefix part must be non-empty');
  else if (prefix !== undefined) {
    faults.push(...isDnsSubdomain(prefix).map((fault) => `prefix part ${fault}`));
  }
  if (name === '') faults.push('name part must be non-empty');
  if (name.length > QUALIFIED_NAME_LENGTH_MAX) {
    faults.push(`name part ${maxLength(QUALIFIED_NAME_LENGTH_MAX)}`);
  } else if (!QUALIFIED_REGEX.test(name)) faults.push(`name part ${QUALIFIED_RULE}`);
  return faults;
};

export const isLabelValue: Check = (value) =>
  check(value, LABEL_VALUE_LENGTH_MAX, LABEL_VALUE_REGEX, LABEL_VALUE_RULE);

/** IANA service name, as RFC 6335 has it, in lower case. */
export const isPortName: Check = (value) => {
  const faults: string[] = [];
  if (value.length > PORT_NAME_LENGTH_MAX) faults.push(maxLength(PORT_NAME_LENGTH_MAX));
  if (!/^[-a-z0-9]+$/.test(value)) {
    faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) faults.push('must contain at least one letter (a-z)');
  if (value.includes('--')) faults.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) {
    faults.push('must not begin or end with a hyphen');
  }
  return faults;
};

export const portNumberFaults = (port: number): readonly string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [inclusiveRange(1, 65535)];

/** Printable ASCII without `=`: what upstream accepts since 1.34. */
export const isEnvVarName: Check = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : [
        'a valid environment variable name must consist only of printable ASCII characters ' +
          "other than '='",
      ];
};

/** The older and stricter rule; keys that `envFrom` turns into variables follow it. */
export const isStrictEnvVarName: Check = (value) => [
  ...(ENV_VAR_REGEX.test(value) ? [] : [ENV_VAR_RULE]),
  ...parentPathFaults(value),
];

export const isConfigMapKey: Check = (value) => [
  ...check(value, DNS_SUBDOMAIN_LENGTH_MAX, CONFIG_KEY_REGEX, CONFIG_KEY_RULE),
  ...parentPathFaults(value),
];

export const isHttpHeaderName: Check = (value) =>
  HTTP_HEADER_REGEX.test(value)
    ? []
    : [
        mustMatch(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          HTTP_HEADER,
          'X-Header-Name',
        ),
      ];

/** Names that become one segment of a URL path. */
export const isPathSegment: Check = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%']
    .filter((sign) => value.includes(sign))
    .map((sign) => `may not contain '${sign}'`);
};

function parentPathFaults(value: string): readonly string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}
