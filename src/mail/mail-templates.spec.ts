import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BUILT_IN_TEMPLATES, type TemplateName } from './built-in-templates.js';
import { MailTemplates } from './mail-templates.js';
import { unknownPlaceholders } from './template.js';

const VALUES = {
  link: 'https://a.example/?token=t&x',
  lifetime: '1 hour',
  username: 'ann',
  issuer: 'https://a.example',
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-templates-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const put = (name: string, content: string): void => {
  writeFileSync(join(directory, name), content);
};

describe('the words of mails', () => {
  it.each(Object.keys(BUILT_IN_TEMPLATES) as TemplateName[])('are built in for %s, without a gap', (name) => {
    const { placeholders, subject, text, html } = BUILT_IN_TEMPLATES[name];
    for (const part of [subject, text, html]) expect(unknownPlaceholders(part, placeholders)).toEqual([]);
    const written = MailTemplates.load(null).write(name, VALUES);
    expect(JSON.stringify(written)).not.toContain('{{');
    const linked = (placeholders as readonly string[]).includes('link');
    expect([written.text.includes(VALUES.link), written.html.includes('t&#38;x')]).toEqual([linked, linked]);
  });

  it("are the operator's, file by file", () => {
    put('password-reset.txt', 'Subject: Neues Passwort für {{username}}\r\n\r\nHier: {{link}}\r\n');
    put('invitation.html', '<b>{{link}}</b>');
    put('README.md', '{{whatever}}');
    const templates = MailTemplates.load(directory);
    expect(templates.write('password-reset', VALUES)).toEqual({
      subject: 'Neues Passwort für ann',
      text: `Hier: ${VALUES.link}\n`,
      html: MailTemplates.load(null).write('password-reset', VALUES).html,
    });
    expect(templates.write('invitation', VALUES)).toMatchObject({ html: '<b>https://a.example/?token=t&#38;x</b>' });
  });

  it('stop the start when they cannot be used, all problems at once', () => {
    put('password-reset.txt', 'no subject {{link}}');
    put('password-reset.html', '{{lnik}}');
    put('password-changed.txt', 'Subject: x\n\n{{link}}');
    expect(() => MailTemplates.load(directory)).toThrow(
      /password-reset\.html has lnik; it may have \{\{link\}\}[^]*password-reset\.txt does not begin[^]*password-changed\.txt has link/,
    );
    expect(() => MailTemplates.load(join(directory, 'nowhere'))).toThrow(/nowhere is no directory/);
  });
});
