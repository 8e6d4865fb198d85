import { ApiProperty } from '@nestjs/swagger';

export class SessionDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ description: 'Whether the token that asks belongs to it' })
  current: boolean;

  @ApiProperty({ example: 'portcullis' })
  clientId: string;

  @ApiProperty({ type: [String], example: ['http://localhost:3000'] })
  audience: string[];

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'Firefox on Windows',
    description: 'What the client said of itself when the session began, in short',
  })
  device: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'curl/8.5.0' })
  userAgent: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '127.0.0.1',
    description: 'From where the session began',
  })
  address: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt: Date;

  @ApiProperty({ format: 'date-time', description: 'The login, or the latest refresh' })
  lastUsedAt: Date;

  @ApiProperty({ format: 'date-time', description: 'When it ends unless it is used before' })
  expiresAt: Date;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'date-time',
    description: 'When it ends however often it is used',
  })
  endsAt: Date | null;
}

export class SessionPageDto {
  @ApiProperty({ type: [SessionDto] })
  items: SessionDto[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor: string | null;
}
