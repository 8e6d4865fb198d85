import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_TEMPLATES, type TemplateName } from './built-in-templates.js';
import { fillIn, unknownPlaceholders, type Template, type TemplateValues } from './template.js';

/**
 * The words of all mails: the operator's where there are files of them, `<name>.txt` (whose first line is `Subject: …`) and `<name>.html`, else the
 * built-in ones. Read once, at the start.
 */
export class MailTemplates {
  private constructor(private readonly templates: ReadonlyMap<TemplateName, Template>) {}

  /** @throws Error that names each file that cannot be used, and why: a mail with a gap where the link belongs is worse than no start */
  static load(directory: string | null): MailTemplates {
    if (directory !== null && !statSync(directory, { throwIfNoEntry: false })?.isDirectory())
      throw new Error(`PORTCULLIS_MAIL_TEMPLATES: ${directory} is no directory`);
    const problems: string[] = [];
    const names = Object.keys(BUILT_IN_TEMPLATES) as TemplateName[];
    const templates = new Map(names.map((name) => [name, templateOf(directory, name, problems)]));
    if (problems.length > 0) throw new Error(`The templates of mails cannot be used:\n${problems.join('\n')}`);
    return new MailTemplates(templates);
  }

  write(name: TemplateName, values: TemplateValues): Template {
    const template = this.templates.get(name);
    if (!template) throw new Error(`there is no template ${name}`);
    return fillIn(template, values);
  }
}

function templateOf(directory: string | null, name: TemplateName, problems: string[]): Template {
  const { placeholders, ...builtIn } = BUILT_IN_TEMPLATES[name];
  if (directory === null) return builtIn;
  const file = (kind: 'txt' | 'html'): string | null => {
    const path = join(directory, `${name}.${kind}`);
    const content = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\r\n', '\n') : null;
    for (const unknown of content === null ? [] : unknownPlaceholders(content, placeholders))
      problems.push(`${path} has ${unknown}; it may have ${placeholders.map((known) => `{{${known}}}`).join(', ')}`);
    return content;
  };
  const html = file('html') ?? builtIn.html;
  const written = file('txt');
  if (written === null) return { ...builtIn, html };
  const [, subject = '', text = ''] = /^Subject: *(\S[^\n]*)\n\n?([^]*)$/.exec(written) ?? [];
  if (subject === '') problems.push(`${join(directory, `${name}.txt`)} does not begin with a line "Subject: …"`);
  return { subject, text, html };
}
