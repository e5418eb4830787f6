import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Answers } from '../http/api-docs.js';
import { HealthService } from './health.service.js';

const CheckWire = z.looseObject({ state: z.enum(['ok', 'missing']), detail: z.string() });

const ReadinessWire = z
  .looseObject({
    status: z.enum(['ready', 'not_ready']),
    checks: z.looseObject({ postgres: CheckWire, temporal: CheckWire, worker: CheckWire, sandbox: CheckWire, egress: CheckWire }),
  })
  .meta({ id: 'Readiness' });

@ApiTags('health')
@ApiSecurity({})
@Controller()
export class HealthController {
  readonly #health: HealthService;

  constructor(@Inject(HealthService) health: HealthService) {
    this.#health = health;
  }

  @Get('healthz')
  @ApiOperation({ summary: 'Whether this process answers' })
  @Answers(200, z.looseObject({ status: z.literal('ok') }))
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @ApiOperation({ summary: 'Whether a turn could run now: database, Temporal, a worker, a sandbox engine; and whether sandboxes have a way out' })
  @Answers(200, ReadinessWire)
  @Answers(503, ReadinessWire, 'Something is missing; each part is named.')
  async readyz(@Res() response: Response): Promise<void> {
    const readiness = await this.#health.readiness();
    response.status(readiness.status === 'ready' ? 200 : 503).json(readiness);
  }
}
