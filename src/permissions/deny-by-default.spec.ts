import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Public, Requires } from '../common/access.js';
import { DenyByDefault } from './deny-by-default.js';

@Controller('decided')
class Decided {
  @Get()
  @Public()
  read(): string {
    return this.notARoute();
  }

  @Post()
  @Requires('users:write')
  write(): string {
    return this.notARoute();
  }

  notARoute(): string {
    return 'anything';
  }
}

@Controller('decided-as-a-whole')
@Requires()
class DecidedAsAWhole {
  @Get()
  read(): string {
    return 'anything';
  }
}

@Controller('forgotten')
class Forgotten {
  @Get()
  read(): string {
    return 'anything';
  }

  @Post()
  @Requires('users:wriet')
  misspelt(): string {
    return 'anything';
  }
}

class Inheriting extends Forgotten {}
Controller('inheriting')(Inheriting);

async function start(...controllers: Type[]): Promise<void> {
  const application = await Test.createTestingModule({
    imports: [DiscoveryModule],
    controllers,
    providers: [DenyByDefault],
  }).compile();
  await application.init();
}

describe('DenyByDefault', () => {
  it('starts when every route says who may call it', async () => {
    await expect(start(Decided, DecidedAsAWhole)).resolves.toBeUndefined();
  });

  it('names each route that does not, and each permission that does not exist', async () => {
    await expect(start(Decided, Forgotten, Inheriting)).rejects.toThrow(
      [
        'Routes that nobody decided about:',
        'Forgotten.read has neither @Public nor @Requires',
        'Forgotten.misspelt requires users:wriet, which is no built-in permission',
        'Inheriting.read has neither @Public nor @Requires',
        'Inheriting.misspelt requires users:wriet, which is no built-in permission',
      ].join('\n'),
    );
  });
});
