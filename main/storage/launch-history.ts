/** `launches.json`: what was launched and the presets. Mode 0600, because values of environment variables may be secrets. */
import * as v from 'valibot';
import { presetName } from '#shared/contracts/launches.ts';
import { launchSchema } from '#shared/contracts/targets.ts';
import { keptFile, type KeptFile } from './kept-file.ts';

export const LAUNCHES_FILE = 'launches.json';

const fileSchema = v.object({
  recent: v.array(v.object({ id: v.string(), at: v.number(), times: v.number(), launch: launchSchema })),
  presets: v.array(v.object({ id: v.string(), name: presetName, launch: launchSchema })),
});
export type LaunchesFile = v.InferOutput<typeof fileSchema>;

export function launchesFile(path: string | null): KeptFile<LaunchesFile> {
  return keptFile<LaunchesFile>(path, { format: 'heaphouse-launches', version: 1, schema: fileSchema, defaults: () => ({ recent: [], presets: [] }), upgraders: [] });
}
