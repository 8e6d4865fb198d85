/** What every measured route answers, so that the routes differ only in what happens before. */
export const ANSWER = { status: 'ok' };
