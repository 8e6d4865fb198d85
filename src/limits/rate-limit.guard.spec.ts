import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { OptionalToken, Public, Requires } from '../common/access.js';
import { Limited } from '../common/limited.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimits } from './rate-limits.js';

@Controller('limited')
class Decided {
  @Get()
  @Public()
  read(): string {
    return 'anything';
  }

  @Post('a')
  @Public()
  @Limited('attempts')
  attempt(): string {
    return 'anything';
  }

  @Post('b')
  @OptionalToken()
  @Limited()
  countsByItself(): string {
    return 'anything';
  }

  @Post('c')
  @Requires('users:write')
  write(): string {
    return 'anything';
  }
}

@Controller('forgotten')
class Forgotten {
  @Post('a')
  @Public()
  attempt(): string {
    return 'anything';
  }

  @Post('b')
  @OptionalToken()
  perhaps(): string {
    return 'anything';
  }

  @Post('c')
  @Requires()
  @Limited('atempts')
  misspelt(): string {
    return 'anything';
  }
}

async function start(...controllers: Type[]): Promise<void> {
  const application = await Test.createTestingModule({
    imports: [DiscoveryModule],
    controllers,
    providers: [RateLimitGuard, { provide: RateLimits, useValue: {} }],
  }).compile();
  await application.init();
}

describe('RateLimitGuard', () => {
  it('lets the application start when every route that anybody may change something by has a limit', async () => {
    await expect(start(Decided)).resolves.toBeUndefined();
  });

  it('names each route that has none, or one that does not exist', async () => {
    await expect(start(Decided, Forgotten)).rejects.toThrow(
      [
        'Routes without a limit:',
        'Forgotten.attempt is public and has no @Limited',
        'Forgotten.perhaps is public and has no @Limited',
        'Forgotten.misspelt names atempts, which is no limit',
      ].join('\n'),
    );
  });
});
