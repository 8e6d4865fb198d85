import { ApiProperty } from '@nestjs/swagger';

const SUBJECTS = { type: 'array' as const, maxItems: 1000, items: { type: 'string' as const, maxLength: 512 } };

/** Describes the request; it is read by `broker-token-request.ts`, whose refusals have the form of this route's answers. */
export class BrokerTokenRequestDto {
  @ApiProperty({ example: 'alice', maxLength: 254, description: 'Of a user who holds `tokens:generate`' })
  username: string;

  @ApiProperty({ example: 'correct horse battery staple', maxLength: 4096 })
  password: string;

  @ApiProperty({ type: 'integer', minimum: 1, example: 600 })
  ttlSeconds: number;

  @ApiProperty({
    type: 'object',
    additionalProperties: false,
    properties: { sub: SUBJECTS, pub: SUBJECTS, all: SUBJECTS },
    example: { sub: ['/orders/*'], pub: ['/orders/new'], all: [] },
    description: 'Subjects to subscribe to, to publish to, and to do both with',
  })
  permissions: Record<'sub' | 'pub' | 'all', string[]>;
}

export class BrokerTokenDto {
  @ApiProperty({
    example: 'eyJhbGciOiJSUzI1NiIsImtpZCI6Ik56YkxzWGg4dURDY2QtNk1Od1hGNFdfIiwidHlwIjoiYnJva2VyK2p3dCJ9…',
    description: 'The token',
  })
  response: string;
}
