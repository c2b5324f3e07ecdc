/**
 * Entry of the analysis process: one per session, started by the workbench. It reads snapshot files, answers questions
 * about them, writes exports, and ends when the workbench closes the channel. It opens no network and starts no process.
 */
import process from 'node:process';
import { exploreContract } from '#shared/contracts/explore.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { createAnalysisService } from './analysis/analysis-service.ts';
import { analysisContract } from './analysis-contract.ts';
import { channelFromParentProcess } from './child-channel.ts';
import { electronParentChannel } from './electron-parent-channel.ts';

const channel = await (electronParentChannel() ?? channelFromParentProcess());
const service = createAnalysisService();
const server = createRpcServer();
server.provide(analysisContract, service.analysis);
server.provide(heapContract, service.heap);
server.provide(exploreContract, service.explore);
// Nothing to undo: whatever is being read or written is given up, unfinished files are temporary by name.
channel.onClose(() => process.exit(0));
server.serve(channel);
