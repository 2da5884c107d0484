import { spawnSync } from 'node:child_process';
import { Argument, Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { completionScript } from './completion.ts';

/** A small program with one of everything. */
const program = new Command('ferry').version('1.0.0');
program
  .command('sail')
  .description("leave the harbour, don't wait: [now]")
  .addOption(new Option('--wind <kind>', 'where it comes from').choices(['north', 'south']))
  .option('--log <folder>', 'where the book lies')
  .option('--crew <count>', 'how many')
  .option('-q, --quiet', 'no horn', false);
program
  .command('paint')
  .description('a new colour')
  .addArgument(new Argument('<colour>').choices(['blue', 'black']));

/** What bash offers for the last of these words, found out by bash itself. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('bash', program)}
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ferry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash offers the commands, then the flags of the one that was typed', () => {
  expect(offered('ferry', '')).toEqual(
    expect.arrayContaining(['sail', 'paint', 'help', '--version', '--help']),
  );
  expect(offered('ferry', 'sa')).toEqual(['sail']);
  expect(offered('ferry', 'sail', '--')).toEqual([
    '--wind',
    '--log',
    '--crew',
    '--quiet',
    '--help',
  ]);
  expect(offered('ferry', 'sail', '-q', '--wi')).toEqual(['--wind']);
});

test('bash offers the values that a flag or an argument has', () => {
  expect(offered('ferry', 'sail', '--wind', '')).toEqual(['north', 'south']);
  expect(offered('ferry', 'sail', '--wind', '=', 's')).toEqual(['south']);
  expect(offered('ferry', 'sail', '--wind', '=')).toEqual(['north', 'south']);
  expect(offered('ferry', 'paint', 'bl')).toEqual(['blue', 'black']);
  expect(offered('ferry', 'sail', '--log', 'clu')).toEqual(['cluster']);
});

test('bash offers nothing where anything may stand', () => {
  expect(offered('ferry', 'sail', '--crew', '')).toEqual([]);
});

test('zsh is told what it shows beside each word, quoted as it wants it', () => {
  const script = completionScript('zsh', program);
  expect(script.startsWith('#compdef ferry\n')).toBe(true);
  expect(script).toContain(`'sail:leave the harbour, don'\\''t wait\\: \\[now\\]'`);
  expect(script).toContain(`'(--wind)--wind=[where it comes from]:value:(north south)'`);
  expect(script).toContain(`'(--log)--log=[where the book lies]:value:_files -/'`);
  expect(script).toContain(`'(-q --quiet)-q[no horn]' '(-q --quiet)--quiet[no horn]'`);
});

test('fish is told the same', () => {
  const lines = completionScript('fish', program).split('\n');
  const seen = `complete -c ferry -n '__fish_seen_subcommand_from sail'`;
  expect(lines).toContain(`${seen} -l wind -x -a 'north south' -d 'where it comes from'`);
  expect(lines).toContain(`${seen} -s q -l quiet -d 'no horn'`);
  expect(lines).toContain(
    `complete -c ferry -n '__fish_use_subcommand' -a sail ` +
      `-d 'leave the harbour, don\\'t wait: [now]'`,
  );
});
