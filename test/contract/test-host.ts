// A worker process that serves the test service to whoever forked it.
import { createChannelCore } from '#shared/rpc/channel.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { provideTestService } from './test-service.ts';

const core = createChannelCore(
  (message) => process.send?.(message),
  () => process.disconnect(),
);
process.on('message', (message) => core.receive(message));
process.on('disconnect', () => process.exit(0));
const server = createRpcServer();
provideTestService(server);
server.serve(core.channel);
