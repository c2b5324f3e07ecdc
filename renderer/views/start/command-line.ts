/**
 * A command line as a person types it, split into program and arguments the way a POSIX shell quotes: spaces separate,
 * '…' is literal, "…" knows \" \\ \$ \` only, a backslash outside takes the next character. Nothing is expanded: no
 * variables, globs, pipes or redirections. Characters that a shell would act on are reported, because they would
 * arrive at the program as they are.
 */
export interface CommandLine {
  tokens: string[];
  /** Why it cannot be run. */
  error: string | null;
  /** What the user may have expected a shell to do. */
  warning: string | null;
}

export function splitCommandLine(text: string): CommandLine {
  const tokens: string[] = [];
  let token: string | null = null;
  let shellSyntax = '';
  let error: string | null = null;
  let index = 0;

  const add = (character: string) => {
    token = (token ?? '') + character;
  };

  while (index < text.length) {
    const character = text[index] as string;
    if (/\s/.test(character)) {
      if (token !== null) tokens.push(token);
      token = null;
      index++;
    } else if (character === "'") {
      const end = text.indexOf("'", index + 1);
      if (end < 0) error = "A ' is not closed.";
      add(text.slice(index + 1, end < 0 ? undefined : end));
      index = end < 0 ? text.length : end + 1;
    } else if (character === '"') {
      const quoted = readDoubleQuoted(text, index + 1);
      if (!quoted.closed) error = 'A " is not closed.';
      add(quoted.value);
      index = quoted.end;
    } else if (character === '\\') {
      const next = text[index + 1];
      if (next === undefined) error = 'The line ends in a backslash.';
      // A backslash before a newline joins lines.
      else if (next !== '\n') add(next);
      index += 2;
    } else {
      if ('|&;<>`*?'.includes(character) || (character === '$' && /[A-Za-z_{(]/.test(text[index + 1] ?? '')) || (character === '~' && token === null)) {
        shellSyntax ||= character;
      }
      add(character);
      index++;
    }
  }
  if (token !== null) tokens.push(token);
  const assignment = /^[A-Za-z_][A-Za-z0-9_]*=/.test(tokens[0] ?? '');
  const warning = assignment
    ? 'Variables go into the environment below, not before the command.'
    : shellSyntax
      ? `No shell runs this: ${shellSyntax} reaches the program as it is.`
      : null;
  return { tokens, error, warning };
}

function readDoubleQuoted(text: string, from: number): { value: string; end: number; closed: boolean } {
  let value = '';
  for (let index = from; index < text.length; index++) {
    const character = text[index] as string;
    if (character === '"') return { value, end: index + 1, closed: true };
    const next = text[index + 1];
    if (character === '\\' && next !== undefined && '"\\$`\n'.includes(next)) {
      if (next !== '\n') value += next;
      index++;
    } else value += character;
  }
  return { value, end: text.length, closed: false };
}

/** The inverse: a line that splits into exactly these tokens. */
export function joinCommandLine(tokens: readonly string[]): string {
  return tokens.map((token) => (/^[\w@%+=:,./-]+$/.test(token) ? token : `'${token.replace(/'/g, "'\\''")}'`)).join(' ');
}

/** Puts an interpreter in front, in place of the one that is there. */
export function withInterpreter(text: string, interpreterPath: string): string {
  const { tokens } = splitCommandLine(text);
  const first = tokens[0]?.split(/[\\/]/).at(-1) ?? '';
  const rest = /^(?:python|pypy|node|nodejs)[\d.]*(?:\.exe)?$/i.test(first) ? tokens.slice(1) : tokens;
  return joinCommandLine([interpreterPath, ...rest]) + (rest.length === 0 ? ' ' : '');
}
