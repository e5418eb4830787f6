import { ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';

/** Documents what a route answers with. */
export const Answers = (status: number, schema: z.ZodType, description = ''): MethodDecorator => ApiResponse({ status, description, standardSchema: schema });

/** The wire's list envelope (section 0.6). */
export const listOf = (item: z.ZodType): z.ZodType => z.looseObject({ data: z.array(item), next_page: z.string().nullable() });

/** The envelope of lists that can also be read backwards. */
export const twoWayListOf = (item: z.ZodType): z.ZodType =>
  z.looseObject({ data: z.array(item), next_page: z.string().nullable(), prev_page: z.string().nullable() });

export const ErrorEnvelopeSchema = z
  .looseObject({
    type: z.literal('error'),
    error: z.looseObject({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .meta({ id: 'Error' });
