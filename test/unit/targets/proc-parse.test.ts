import { describe, expect, it } from 'vitest';
import {
  hasSignal,
  machineName,
  parseCgroup,
  parseCmdline,
  parseElfHeader,
  parseListeningSockets,
  parseMappedFiles,
  parseStat,
  parseStatus,
  parseSyscall,
} from '#main/targets/proc/parse.ts';

describe('parseStat', () => {
  const tail = 'S 1 4242 4242 0 -1 4194560 1 0 0 0 5 1 0 0 20 0 7 0 987654 1000 200 18446744073709551615';

  it('reads the fields behind the name', () => {
    expect(parseStat(`4242 (python3) ${tail}`)).toEqual({ pid: 4242, comm: 'python3', state: 'S', ppid: 1, processGroup: 4242, session: 4242, startTicks: 987654 });
  });

  it('is not led astray by a name with parentheses, spaces and a state', () => {
    expect(parseStat(`4242 (a) R 1 (b) ) ${tail}`)).toMatchObject({ comm: 'a) R 1 (b) ', state: 'S', ppid: 1, startTicks: 987654 });
  });

  it.each(['', 'x', '12 (a', '12 (a)', '(a) S 1'])('gives null for %j', (text) => expect(parseStat(text)).toBeNull());
});

describe('parseStatus', () => {
  const text = [
    'Name:\tnode', 'State:\tS (sleeping)', 'TracerPid:\t77', 'Uid:\t1000\t1001\t1000\t1000', 'Gid:\t1000\t1002\t1000\t1000', 'VmRSS:\t   42688 kB',
    'NSpid:\t500\t7', 'Threads:\t11', 'SigIgn:\t0000000001001000', 'SigCgt:\t0000000108014602', 'CapEff:\t0000000000080000', 'NoNewPrivs:\t1', 'Seccomp:\t2', 'x86_Thread_features:\t',
  ].join('\n');

  it('reads what preflight needs', () => {
    expect(parseStatus(text)).toEqual({
      state: 'S', uid: 1000, effectiveUid: 1001, effectiveGid: 1002, tracerPid: 77, rssBytes: 42688 * 1024, seccomp: 2, noNewPrivileges: true,
      caughtSignals: 0x108014602n, ignoredSignals: 0x1001000n, effectiveCapabilities: 0x80000n, threads: 11, shadowStack: false, namespacePids: [500, 7],
    });
  });

  it('sees a shadow stack', () => expect(parseStatus(`${text}shstk wrss`)).toMatchObject({ shadowStack: true }));

  it('has no memory for a kernel thread, and older kernels lack fields', () => {
    expect(parseStatus('State:\tI (idle)\nUid:\t0\t0\t0\t0')).toMatchObject({ rssBytes: null, seccomp: 0, tracerPid: 0, namespacePids: [] });
  });

  it('gives null for text that is no status', () => expect(parseStatus('hello\nworld')).toBeNull());

  it('finds SIGUSR1 (10) in the mask', () => {
    expect(hasSignal(0x200n, 10)).toBe(true);
    expect(hasSignal(0x108014602n, 10)).toBe(true);
    expect(hasSignal(0x108014402n, 10)).toBe(false);
  });
});

describe('parseCmdline', () => {
  it.each([
    ['python3\0-c\0\0', ['python3', '-c', '']],
    ['', []],
    ['nginx: master process', ['nginx: master process']],
  ])('%j', (text, expected) => expect(parseCmdline(text)).toEqual(expected));
});

describe('parseListeningSockets', () => {
  const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

  it('keeps listening sockets, with their inode', () => {
    const text = [
      header,
      '   0: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123456 1 0000000000000000 100 0 0 10 0',
      '   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0',
      '   2: 0100007F:240D 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 333 1 0000000000000000 20 4 30 10 -1',
    ].join('\n');
    expect(parseListeningSockets(text)).toEqual([
      { port: 9229, inode: '123456', loopbackOnly: true },
      { port: 8080, inode: '222', loopbackOnly: false },
    ]);
  });

  it('knows the loopback addresses of version 6', () => {
    const line = (address: string) => `0: ${address}:240D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 9 1 0`;
    expect(parseListeningSockets(line('00000000000000000000000001000000'))[0]?.loopbackOnly).toBe(true);
    expect(parseListeningSockets(line('0000000000000000FFFF00000100007F'))[0]?.loopbackOnly).toBe(true);
    expect(parseListeningSockets(line('00000000000000000000000000000000'))[0]?.loopbackOnly).toBe(false);
  });

  it('skips lines that are not of the table', () => expect(parseListeningSockets(`${header}\nrubbish\n0: x:y z 0A 1 2 3 4 5 6`)).toEqual([]));
});

describe('parseSyscall', () => {
  it('running, waiting, and rubbish', () => {
    expect(parseSyscall('running\n')).toEqual({ running: true });
    expect(parseSyscall('202 0x7f0 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc 0x7f1\n')).toEqual({
      running: false, number: 202, args: [0x7f0n, 0x189n, 0n, 0n, 0n, 0xffffffffn], stackPointer: '0x7ffc', pc: '0x7f1',
    });
    expect(parseSyscall('-1 0x7ffc 0x7f1')).toMatchObject({ running: false, number: -1, args: [] });
    expect(parseSyscall('')).toBeNull();
    expect(parseSyscall('what')).toBeNull();
  });
});

it('parseMappedFiles gives every file once, also a deleted one', () => {
  const text = '7f-80 r-xp 00 08:01 1 /usr/lib/libpython3.11.so.1.0\n80-81 r--p 00 08:01 1 /usr/lib/libpython3.11.so.1.0\n90-91 rw-p 0 0 0 [heap]\na0-a1 r-xp 0 8:1 2 /opt/a b/node (deleted)';
  expect(parseMappedFiles(text)).toEqual(['/usr/lib/libpython3.11.so.1.0', '/opt/a b/node']);
});

it('parseCgroup knows both versions', () => {
  expect(parseCgroup('9:name=systemd:/\n4:memory:/docker/abc\n0::/')).toEqual({ unified: '/', memory: '/docker/abc' });
  expect(parseCgroup('0::/user.slice/a.service\n')).toEqual({ unified: '/user.slice/a.service', memory: null });
  expect(parseCgroup('nonsense')).toEqual({ unified: null, memory: null });
});

it('parseElfHeader tells class and machine', () => {
  const bytes = new Uint8Array(20);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  bytes.set([183, 0], 18);
  expect(parseElfHeader(bytes)).toEqual({ bits: 64, littleEndian: true, machine: 183 });
  expect(machineName(183)).toBe('aarch64');
  expect(machineName(999)).toBe('machine 999');
  expect(parseElfHeader(new TextEncoder().encode('#!/bin/sh and more text'))).toBeNull();
  expect(parseElfHeader(bytes.subarray(0, 10))).toBeNull();
});
