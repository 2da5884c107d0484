// A whole apiserver in this process, put together bottom-up:
//
//   store → watch hub → registry (+ actions) → authn, authz → doors: HTTPS, gRPC, in-process
//
// Tests, embedding and main.ts all start it here.

import { splitAddress } from '../machinery/address.ts';
import type { Clock } from '../machinery/clock.ts';
import { StatusError } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import { createMetrics, type Metrics } from '../machinery/metrics.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import { authenticator } from './authn/authenticate.ts';
import { type ServiceAccountTokens, serviceAccountTokens } from './authn/service-account.ts';
import { AUTHENTICATED, MASTERS, type User } from './authn/user.ts';
import type { Authorize } from './authz/attributes.ts';
import { authorizer, rulesFor } from './authz/authorize.ts';
import { openBackend } from './backend.ts';
import { cacheReader } from './cache-reader.ts';
import { connectDoor } from './connect/connect-door.ts';
import type { TlsClient } from './connect/relay.ts';
import { grpcService } from './grpc/grpc-door.ts';
import type { Exchange } from './http/exchange.ts';
import { requestLimits } from './http/limits.ts';
import { requestMetrics } from './http/request-metrics.ts';
import { noSuchResource, resourceDoor } from './http/resource-door.ts';
import { inProcessTransport } from './inprocess.ts';
import { type Listener, listenGrpc, listenHttps, type ServerTls } from './listen.ts';
import type { Registry } from './registry/registry.ts';
import { createApiServer } from './server.ts';
import type { StoreConfig } from './store/open.ts';
import { registryWithActions } from './subresources/actions.ts';
import { podActions } from './subresources/pods.ts';
import { reviewActions, VIRTUAL_RESOURCES } from './subresources/reviews.ts';
import { tokenActions } from './subresources/token-request.ts';

export interface ApiServerConfig {
  /** `host:port`; port 0 chooses a free one. */
  readonly listen: string;
  readonly grpcListen: string;
  readonly store: StoreConfig;
  readonly tls: ServerTls;
  /** PEM of the key that signs service-account tokens. */
  readonly serviceAccountKey: string;
  readonly kubeletClient?: TlsClient | undefined;
  /** IPv4, `10.96.0.0/16`. */
  readonly serviceCidr: string;
  /** Where the `kubernetes` Service leads: an address of this server that pods can reach. */
  readonly advertiseAddress: string;
}

export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ApiServer {
  readonly registry: Registry;
  /** The in-process door, as an administrator. */
  readonly transport: Transport;
  readonly httpsUrl: string;
  /** `host:port`. */
  readonly grpcAddress: string;
  close(): Promise<void>;
}

const SELF: User = { name: 'system:apiserver', groups: [MASTERS, AUTHENTICATED] };

/** Resolves once the server is ready: caches filled, first objects made, both doors open. */
export async function startApiServer(
  config: ApiServerConfig,
  ambient: Ambient,
  signal?: AbortSignal,
): Promise<ApiServer> {
  const { clock, random, log } = ambient;
  const stop = new AbortController();
  // Told to stop while it is starting: the start fails.
  const giveUp = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', giveUp);
  let https: Listener | undefined;
  const port = () => splitAddress(https?.address ?? config.listen).port;
  const backend = await openBackend({ ...config, port }, ambient, stop.signal);
  const { hub, kinds } = backend;
  const reader = cacheReader(hub, kinds);
  const signingKey = config.serviceAccountKey;
  const tokens = serviceAccountTokens({ signingKey, reader, clock, random });
  const authorize = authorizer(reader);
  const registry = withActions(backend.registry, {
    tokens,
    authorize,
    rulesFor: (user, namespace) => rulesFor(reader, user, namespace),
  });

  const doors = { authenticate: authenticator(tokens), authorize, limits: requestLimits(), log };
  const stopping = stop.signal;
  const resources = resourceDoor({ registry, clock, stopping });
  const metrics = createMetrics();
  const handle = createApiServer({
    ...doors,
    measure: requestMetrics({ metrics, nowMs: () => clock.now(), registry }),
    registry,
    // Empty caches must not be taken for an empty cluster.
    resources: (exchange) =>
      backend.isFilled() ? resources(exchange) : Promise.reject(starting()),
    connect: connectDoor({ registry, kubeletClient: config.kubeletClient }),
    health: {
      live: { ping: () => true },
      ready: { store: () => hub.ready, bootstrap: () => backend.isBootstrapped() },
    },
    rest: restDoor(registry, metrics, () => https?.address ?? ''),
  });
  const service = grpcService({ ...doors, registry, stopping });
  try {
    https = await listenHttps(config.listen, config.tls, { handle, clock });
    await backend.ready();
    const grpc = await listenGrpc(config.grpcListen, config.tls, { service, clock });
    signal?.removeEventListener('abort', giveUp);
    log.info('Serving', { https: https.address, grpc: grpc.address });
    const listeners = [https, grpc];
    return {
      registry,
      transport: inProcessTransport(registry, SELF),
      httpsUrl: `https://${https.address}`,
      grpcAddress: grpc.address,
      async close() {
        stop.abort(new Error('the server stops'));
        await Promise.all(listeners.map((listener) => listener.close()));
        await backend.close();
      },
    };
  } catch (error) {
    stop.abort(error);
    await https?.close();
    await backend.close();
    throw error;
  }
}

function withActions(
  registry: Registry,
  parts: {
    readonly tokens: ServiceAccountTokens;
    readonly authorize: Authorize;
    readonly rulesFor: (user: User, namespace: string) => ReturnType<typeof rulesFor>;
  },
): Registry {
  return registryWithActions({
    registry,
    virtual: VIRTUAL_RESOURCES,
    actions: {
      ...podActions(registry),
      ...tokenActions(registry, parts.tokens),
      ...reviewActions(parts),
    },
  });
}

/** Express and the documents are loaded when somebody first asks for them. */
function restDoor(registry: Registry, metrics: Metrics, address: () => string) {
  let app: Promise<ReturnType<typeof import('./http/rest.ts').restApp>> | undefined;
  return async ({ request, response }: Exchange): Promise<void> => {
    app ??= import('./http/rest.ts').then(({ restApp }) =>
      restApp({ kinds: registry.kinds, metrics, address }),
    );
    const serve = await app;
    await new Promise<void>((resolve, reject) => {
      response.once('close', resolve);
      serve(request as never, response as never, (error: unknown) =>
        reject(error ?? noSuchResource()),
      );
    });
  };
}

const starting = (): StatusError =>
  new StatusError('ServiceUnavailable', 'the server is starting', {
    details: { retryAfterSeconds: 1 },
  });
