import { ApiProperty } from '@nestjs/swagger';

export class LiveDto {
  @ApiProperty({ example: 'ok' })
  status: string;
}

export class ReadyDto {
  @ApiProperty({ enum: ['ok', 'error'], example: 'ok' })
  status: 'ok' | 'error';

  @ApiProperty({
    description: 'Each check: `process`, `database`, `validity`',
    type: 'object',
    additionalProperties: {
      type: 'object',
      required: ['status'],
      properties: { status: { type: 'string', enum: ['up', 'down'] } },
    },
    example: { process: { status: 'up' }, database: { status: 'up' }, validity: { status: 'up' } },
  })
  details: Record<string, { status: 'up' | 'down' }>;
}
