import { ApiProperty } from '@nestjs/swagger';
import type { Problem } from './problem.js';

/** The body of every answer of the route that takes the place of MigratoryData's token generator. */
export class BrokerRefusalDto {
  @ApiProperty({ example: 'Invalid username or password!', description: 'What is wrong, for people' })
  response: string;
}

/** Whether errors at this address are answered as clients of MigratoryData's token generator know them, whatever goes wrong on the way. */
export function speaksMigratoryData(url: string): boolean {
  return /^\/token\/generate(?:$|\?)/.test(url);
}

/** What such a client is told of a problem. Wrong credentials are a bad request there. */
export function brokerAnswerOf(problem: Problem): {
  status: number;
  headers: Record<string, string>;
  body: BrokerRefusalDto;
} {
  if (problem.getStatus() === 401)
    return { status: 400, headers: {}, body: { response: 'Invalid username or password!' } };
  return { status: problem.getStatus(), headers: problem.headers, body: { response: wordsOf(problem) } };
}

function wordsOf({ detail, extras: { errors = [] } }: Problem): string {
  const [first] = errors;
  return first && first.field !== '' ? `${first.field} ${first.message}` : detail;
}
