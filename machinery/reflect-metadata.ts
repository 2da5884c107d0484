// The three functions of the Reflect metadata proposal that @peculiar/x509's container asks for
// when it loads. Import before it; the one import here that is made for its effect.

type Metadata = Map<unknown, unknown>;

const metadataOf = new WeakMap<object, Metadata>();

const getOwn = (key: unknown, target: object): unknown => metadataOf.get(target)?.get(key);

function get(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
    if (metadataOf.get(at)?.has(key)) return getOwn(key, at);
  }
  return undefined;
}

function define(key: unknown, value: unknown, target: object): void {
  const own = metadataOf.get(target) ?? new Map();
  metadataOf.set(target, own.set(key, value));
}

if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, { getMetadata: get, getOwnMetadata: getOwn, defineMetadata: define });
}
