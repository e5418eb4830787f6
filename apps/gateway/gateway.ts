import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Request, raw } from 'express';
import { AppModule, type GatewayParts } from './app.module.js';
import { authentication } from './http/authentication.js';
import { authorization, permittedInputs } from './http/authorization.js';
import { isReadAsJson, parseJson, requireJson } from './http/body.js';
import { ErrorFilter } from './http/error.filter.js';
import { refuseNotBuilt } from './http/not-built.js';
import { serveDocs } from './http/openapi.js';
import { parseQuery } from './http/query-parser.js';
import { rateLimits } from './http/rate-limits.js';
import { requestId } from './http/request-id.js';
import { answerUnreadable } from './http/unreadable-request.js';
import { validation } from './http/validation.js';
import { createWaker } from './sessions/waker.js';
import { HeldLeaseInterceptor } from './work/held-lease.js';

/** Milliseconds for a request to arrive whole. */
const LONGEST_REQUEST = 3_600_000;

export interface Gateway {
  /** Where it listens, for example `http://127.0.0.1:4100`. */
  readonly url: string;
  /** Ends open streams and waits, then stops listening. What it was made of stays open. */
  close(): Promise<void>;
}

/** Starts the HTTP face on the configured address. */
export async function startGateway(parts: GatewayParts): Promise<Gateway> {
  const { config, log } = parts;
  const shutdown = new AbortController();
  const waker = createWaker(parts.sessionClient, log);
  const app = await NestFactory.create<NestExpressApplication>(AppModule.of(parts, waker, shutdown.signal), {
    bodyParser: false,
    logger: { log: (message) => log.trace(message), warn: (message) => log.warn(message), error: (message) => log.error(message) },
    abortOnError: false,
  });
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  app.use(requestId(log));
  app.use('/v1', authentication(parts.pool), rateLimits(config.http), authorization(parts.pool), refuseNotBuilt);
  app.use(
    '/v1',
    requireJson,
    raw({ limit: config.http.maxBodyBytes, type: (request) => isReadAsJson(request as Request), inflate: false }),
    parseJson,
    permittedInputs,
  );
  app.useGlobalFilters(new ErrorFilter(log));
  app.useGlobalPipes(validation());
  app.useGlobalInterceptors(new HeldLeaseInterceptor(parts.pool));
  serveDocs(app);
  // Node would cut off any request after five minutes, which is too short for a large upload. One that stalls is cut off sooner.
  app.getHttpServer().requestTimeout = LONGEST_REQUEST;
  app.getHttpServer().on('clientError', answerUnreadable);
  await app.listen(config.http.port, config.http.host);

  return {
    url: (await app.getUrl()).replace('[::1]', 'localhost'),
    async close() {
      shutdown.abort();
      await app.close();
      await waker.settled();
    },
  };
}
