// `wherry completion SHELL`: the script that lets a shell complete our commands. Made from the
// program itself, so that it cannot know other flags than those that exist. Pure.
//
//   program → what can be typed (plain values) → text for bash, zsh or fish

import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What may follow a flag, or stand in an argument's place. */
type Value =
  | { readonly kind: 'choice'; readonly words: readonly string[] }
  | { readonly kind: 'folder' }
  | { readonly kind: 'anything' };

interface Flag {
  /** `-f`, `--follow`. */
  readonly names: readonly string[];
  readonly about: string;
  /** Absent: a switch. */
  readonly value?: Value;
}

interface Verb {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  readonly args: readonly Value[];
}

interface Typeable {
  readonly program: string;
  readonly verbs: readonly Verb[];
  readonly flags: readonly Flag[];
}

export function completionScript(shell: Shell, program: Command): string {
  return SCRIPTS[shell](typeableOf(program));
}

function typeableOf(program: Command): Typeable {
  const help = program.createHelp();
  const flagsOf = (command: Command) => help.visibleOptions(command).map(flagOf);
  return {
    program: program.name(),
    flags: flagsOf(program),
    verbs: help.visibleCommands(program).map((command) => ({
      name: command.name(),
      about: command.description(),
      flags: flagsOf(command),
      args: command.registeredArguments.map(takenBy),
    })),
  };
}

const flagOf = (option: Option): Flag => ({
  names: [option.short, option.long].filter((name) => name !== undefined),
  about: option.description,
  ...((option.required || option.optional) && { value: takenBy(option) }),
});

function takenBy(taker: Option | Argument): Value {
  if (taker.argChoices) return { kind: 'choice', words: taker.argChoices };
  const isFolder = 'flags' in taker && taker.flags.endsWith('<folder>');
  return isFolder ? { kind: 'folder' } : { kind: 'anything' };
}

const SCRIPTS = { bash, zsh, fish } satisfies Record<Shell, (typeable: Typeable) => string>;

/** Single quotes, in which a POSIX shell takes everything as it is. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const wordsOf = (values: readonly Value[]): readonly string[] =>
  values.flatMap((value) => (value.kind === 'choice' ? value.words : []));

function bash({ program, verbs, flags }: Typeable): string {
  const reply = (words: readonly string[]) =>
    `mapfile -t COMPREPLY < <(compgen -W ${quoted(words.join(' '))} -- "$cur")`;
  const answerTo = ({ kind, ...value }: Value) => {
    if (kind === 'folder')
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
    return 'words' in value ? reply(value.words) : ':';
  };
  const values = verbs.flatMap(({ name, flags }) =>
    flags.flatMap(({ names, value }) => {
      if (value === undefined) return [];
      const patterns = names.map((flag) => quoted(`${name} ${flag}`)).join('|');
      return [`    ${patterns}) ${answerTo(value)}; return ;;`];
    }),
  );
  const namesOf = (flags: readonly Flag[]) => flags.flatMap(({ names }) => names);
  const own = verbs.map(
    ({ name, flags, args }) => `    ${name}) ${reply([...wordsOf(args), ...namesOf(flags)])} ;;`,
  );
  const names = verbs.map(({ name }) => name);
  return `# bash completion: source <(${program} completion bash)
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} verb='' word
  # Bash takes --flag=value for three words.
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${names.join('|')}) verb=$word; break ;; esac
  done
  COMPREPLY=()
  case "$verb $prev" in
${values.join('\n')}
  esac
  case $verb in
    '') ${reply([...names, ...namesOf(flags)])} ;;
${own.join('\n')}
  esac
}
complete -F _${program} ${program}
`;
}

function zsh({ program, verbs, flags }: Typeable): string {
  const actionOf = (value: Value) => {
    if (value.kind === 'folder') return '_files -/';
    return value.kind === 'choice' ? `(${value.words.join(' ')})` : ' ';
  };
  const plain = (text: string) => text.replace(/[[\]:\\]/g, '\\$&');
  const specsOf = (flags: readonly Flag[]) =>
    flags.flatMap(({ names, about, value }) =>
      names.map((name) => {
        const takes = value === undefined ? '' : `:value:${actionOf(value)}`;
        const isLong = value !== undefined && name.startsWith('--');
        const others = `(${names.join(' ')})`;
        return quoted(`${others}${name}${isLong ? '=' : ''}[${plain(about)}]${takes}`);
      }),
    );
  const cases = verbs.map(({ name, flags, args }) => {
    const specs = [...specsOf(flags), ...args.map((arg) => quoted(`:value:${actionOf(arg)}`))];
    return `    ${name}) _arguments ${specs.join(' ')} ;;`;
  });
  const described = verbs.map(({ name, about }) => `    ${quoted(`${name}:${plain(about)}`)}`);
  return `#compdef ${program}
# zsh completion: source <(${program} completion zsh)
_${program}() {
  local state line
  local -a verbs
  verbs=(
${described.join('\n')}
  )
  _arguments -C ${specsOf(flags).join(' ')} ': :->verb' '*:: :->rest'
  [[ $state == verb ]] && _describe command verbs
  [[ $state == rest ]] || return 0
  case $line[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;
}

function fish({ program, verbs, flags }: Typeable): string {
  // Within single quotes fish has two escapes of its own.
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const takes = (value: Value | undefined) => {
    if (value === undefined) return '';
    if (value.kind === 'folder') return ` -x -a '(__fish_complete_directories)'`;
    return value.kind === 'choice' ? ` -x -a ${quoted(value.words.join(' '))}` : ' -x';
  };
  const line = (when: string, rest: string) => `complete -c ${program} -n ${quoted(when)}${rest}`;
  const flagLines = (when: string, flags: readonly Flag[]) =>
    flags.map(({ names, about, value }) => {
      const words = names.map((name) =>
        name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
      );
      return line(when, `${words.join('')}${takes(value)} -d ${quoted(about)}`);
    });
  const none = '__fish_use_subcommand';
  const lines = verbs.flatMap(({ name, about, flags, args }) => {
    const seen = `__fish_seen_subcommand_from ${name}`;
    const words = wordsOf(args);
    return [
      line(none, ` -a ${name} -d ${quoted(about)}`),
      ...flagLines(seen, flags),
      ...(words.length > 0 ? [line(seen, ` -a ${quoted(words.join(' '))}`)] : []),
    ];
  });
  return `# fish completion: ${program} completion fish | source
complete -c ${program} -f
${[...flagLines(none, flags), ...lines].join('\n')}
`;
}
