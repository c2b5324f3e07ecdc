/**
 * The commands and events we send and hear: devtools-protocol's own, Node's, and the `Python` domain of our agent
 * (main/agents/python, which documents it in protocol.json). These are claims about the other side, not facts: whoever
 * reads an answer that matters checks it with `read-field.ts`.
 */
import type { ProtocolMapping } from 'devtools-protocol/types/protocol-mapping.js';

export interface PythonGcFinished {
  generation: number;
  /** Epoch ms. */
  startedAt: number;
  pauseMs: number;
  collected: number;
  uncollectable: number;
}

export interface PythonCommands {
  'Python.getInfo': { paramsType: []; returnType: object };
  'Python.enable': { paramsType: [{ batches?: boolean }?]; returnType: object };
  'Python.disable': { paramsType: []; returnType: object };
  'Python.detach': { paramsType: []; returnType: object };
  'Python.getMemoryUsage': { paramsType: [{ sparing?: boolean }?]; returnType: object };
  'Python.writeHeapSnapshot': { paramsType: [{ path: string; mode?: string }]; returnType: object };
  'Python.cancelHeapSnapshot': { paramsType: []; returnType: object };
  'Python.collectGarbage': { paramsType: [{ generation?: number; countObjects?: boolean }?]; returnType: object };
  'Python.getAllocatorStatistics': { paramsType: []; returnType: object };
  'Python.getGcState': { paramsType: []; returnType: object };
  'Python.startAllocationRecording': { paramsType: [{ stackDepth?: number }?]; returnType: object };
  'Python.stopAllocationRecording': { paramsType: []; returnType: object };
  'Python.getAllocationRecording': { paramsType: []; returnType: object };
  'Python.getHeapObjectIds': { paramsType: [{ addresses: string[] }]; returnType: object };
  'Python.trimMalloc': { paramsType: []; returnType: object };
  'Python.getReferrers': { paramsType: [{ expression?: string; module?: string; heapObjectId?: string; objectId?: string }]; returnType: object };
  'Python.getModules': { paramsType: [{ standardLibrary?: boolean }?]; returnType: object };
  'Python.getFunctions': { paramsType: [{ module: string }]; returnType: object };
  'Python.traceReferences': { paramsType: [{ variable: string; module?: string; function?: string; source?: string; path?: string; freshConstants?: boolean; maxSteps?: number; timeoutMs?: number }]; returnType: object };
  'Python.cancelTrace': { paramsType: []; returnType: object };
  'Python.exploreGarbage': { paramsType: [{ generation?: number; timeoutMs?: number }?]; returnType: object };
  /** Addresses as hexadecimal text; `reads`: [address, count of pieces]. */
  'Python.readMemory': { paramsType: [{ reads: (readonly [string, number])[]; bytes: number; stride: number }]; returnType: object };
  'Python.findMemory': { paramsType: [{ needles: string[]; ranges: (readonly [string, string])[] }]; returnType: object };
}

export interface NodeCommands {
  'NodeRuntime.notifyWhenWaitingForDisconnect': { paramsType: [{ enabled: boolean }]; returnType: object };
  'NodeWorker.enable': { paramsType: [{ waitForDebuggerOnStart: boolean }]; returnType: object };
  'NodeWorker.disable': { paramsType: []; returnType: object };
  'NodeWorker.detach': { paramsType: [{ sessionId: string }]; returnType: object };
  'NodeWorker.sendMessageToWorker': { paramsType: [{ sessionId: string; message: string }]; returnType: object };
}

export interface CdpCommands extends ProtocolMapping.Commands, PythonCommands, NodeCommands {}

export interface CdpEvents extends ProtocolMapping.Events {
  'Python.gcFinished': [PythonGcFinished];
  'Python.gcSummary': [object];
  'Python.gcFinishedBatch': [{ rows: string; thresholds: number[] }];
  'NodeRuntime.waitingForDisconnect': [object];
  'NodeWorker.attachedToWorker': [object];
  'NodeWorker.detachedFromWorker': [object];
  'NodeWorker.receivedMessageFromWorker': [object];
}

export type CdpMethod = keyof CdpCommands;
export type CdpParams<M extends CdpMethod> = CdpCommands[M]['paramsType'][0];
export type CdpResult<M extends CdpMethod> = CdpCommands[M]['returnType'];
export type CdpEventName = keyof CdpEvents;
export type CdpEventParams<E extends CdpEventName> = CdpEvents[E][0];
