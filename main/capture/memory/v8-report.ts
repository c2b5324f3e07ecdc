/** What V8 says of its heap, checked field by field. */
import type { V8Report } from '#shared/model/memory.ts';
import { HEAP_SPACES_SOURCE } from '../../agents/v8/heap-spaces.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { asRecord, countField, stringField } from '../../cdp/read-field.ts';

const MAX_SPACES = 64;

/** V8's own names (src/common/globals.h), for people. */
const SPACES: Record<string, string> = {
  read_only_space: 'Constants of V8 itself, shared and never collected.',
  new_space: 'Objects just made; small, collected often by scavenges.',
  old_space: 'Objects that survived two scavenges.',
  code_space: 'Machine code made by the compilers.',
  code_large_object_space: 'Machine code too large for a page.',
  map_space: 'Hidden classes (shapes) of objects, in older versions of V8.',
  shared_space: 'Objects shared between threads.',
  trusted_space: 'Data outside of the sandbox that V8 must be able to trust: bytecode, tables.',
  shared_trusted_space: 'Trusted data shared between threads.',
  large_object_space: 'Objects too large for a page, each with pages of its own.',
  new_large_object_space: 'Large objects just made.',
  shared_large_object_space: 'Large objects shared between threads.',
  trusted_large_object_space: 'Large trusted data.',
  shared_trusted_large_object_space: 'Large trusted data shared between threads.',
};

/** What a space of this name is for; empty for one that we do not know. */
export function explainSpace(name: string): string {
  return Object.hasOwn(SPACES, name) ? (SPACES[name] ?? '') : '';
}

/** Null for a page, or a target that answers with something else. */
export async function readV8Report(session: CdpSession): Promise<V8Report | null> {
  const answer = await session.send('Runtime.evaluate', { expression: HEAP_SPACES_SOURCE, includeCommandLineAPI: true, silent: true, returnByValue: true });
  return parseV8Report(asRecord(asRecord(answer)['result'])['value']);
}

export function parseV8Report(value: unknown): V8Report | null {
  const { spaces, heap, code, memory } = asRecord(value);
  if (!Array.isArray(spaces)) return null;
  return {
    spaces: (spaces as unknown[]).slice(0, MAX_SPACES).flatMap((space) => {
      const name = stringField(space, 'space_name', 100);
      if (name === null) return [];
      return {
        name,
        explanation: explainSpace(name),
        usedBytes: countField(space, 'space_used_size') ?? 0,
        committedBytes: countField(space, 'space_size') ?? 0,
        availableBytes: countField(space, 'space_available_size') ?? 0,
        physicalBytes: countField(space, 'physical_space_size') ?? 0,
      };
    }),
    heapLimitBytes: countField(heap, 'heap_size_limit'),
    mallocedBytes: countField(heap, 'malloced_memory'),
    peakMallocedBytes: countField(heap, 'peak_malloced_memory'),
    externalBytes: countField(memory, 'external') ?? countField(heap, 'external_memory'),
    arrayBuffersBytes: countField(memory, 'arrayBuffers'),
    codeBytes: countField(code, 'code_and_metadata_size'),
    bytecodeBytes: countField(code, 'bytecode_and_metadata_size'),
    globalHandlesBytes: countField(heap, 'used_global_handles_size'),
    nativeContexts: countField(heap, 'number_of_native_contexts'),
    detachedContexts: countField(heap, 'number_of_detached_contexts'),
  };
}
