/** A launch of before in words, and as the form has it. */
import type { StoredLaunch } from '#shared/contracts/launches.ts';
import { joinCommandLine } from './command-line.ts';
import type { EnvironmentRow } from './environment.ts';

export function commandLineOf({ command, args }: StoredLaunch): string {
  return joinCommandLine([command, ...args]);
}

/** The same for a narrow place: the program without its folder. */
export function shortCommandLine({ command, args }: StoredLaunch): string {
  return joinCommandLine([command.split(/[\\/]/).at(-1) || command, ...args.map((arg) => (arg.length > 60 ? `…${arg.slice(-58)}` : arg))]);
}

/** `in ~/app · 2 variables · does not wait`: what distinguishes launches of the same command. */
export function launchDetail(launch: StoredLaunch): string {
  const variables = Object.keys(launch.env).length;
  const parts = [
    launch.cwd ? `in ${launch.cwd.split(/[\\/]/).filter(Boolean).at(-1) ?? launch.cwd}` : '',
    variables > 0 ? `${variables} ${variables === 1 ? 'variable' : 'variables'}` : '',
    launch.pauseAtStart ? '' : 'does not wait',
    launch.allocationStacks ? 'allocation stacks' : '',
  ];
  return parts.filter(Boolean).join(' · ');
}

export function environmentRows(env: StoredLaunch['env']): EnvironmentRow[] {
  return Object.entries(env).map(([name, value]) => ({ name, value: value ?? '', remove: value === null }));
}
