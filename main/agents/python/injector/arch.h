// Registers, and how a call is laid over a stopped thread. One section for each processor.
//
// Every call starts with a signal frame on the thread's own stack, as the kernel makes one for a signal: all registers,
// the floating point state, the signal mask. Where the call returns to is sigreturn. So if we are killed at any moment,
// the thread finds back by itself; as long as we live, we put it back ourselves (see tracer.h), which the thread
// cannot tell from never having been stopped.
#pragma once
#include "payload.h"
#include "symbols.h"
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

enum { MAX_VECTOR_BYTES = 32768 };

// Kernel-internal results of an interrupted system call (linux/errno.h): visible to a tracer only.
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };

#if defined(__x86_64__)
#include <cpuid.h>
typedef struct user_regs_struct registers;
enum { VECTOR_SET = NT_X86_XSTATE };
static const unsigned char GADGET[] = {0x0f, 0x05, 0xc3};                                                // syscall; ret
static const unsigned char RESTORER[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};          // mov $15, %rax; syscall
#define GADGET_CALL_BYTES 2
#define PC(r) ((r)->rip)
#define SP(r) ((r)->rsp)
#define CALL_RESULT(r) ((long)(r)->rax)

static const struct { int number; const char *name; } WAITS[] = {
  {0, "read"}, {1, "write"}, {7, "poll"}, {23, "select"}, {34, "pause"}, {35, "nanosleep"}, {42, "connect"}, {43, "accept"}, {44, "sendto"},
  {45, "recvfrom"}, {46, "sendmsg"}, {47, "recvmsg"}, {61, "wait4"}, {65, "semop"}, {70, "msgrcv"}, {72, "fcntl"}, {73, "flock"},
  {128, "rt_sigtimedwait"}, {130, "rt_sigsuspend"}, {202, "futex"}, {219, "restart_syscall"}, {220, "semtimedop"}, {230, "clock_nanosleep"},
  {232, "epoll_wait"}, {247, "waitid"}, {270, "pselect6"}, {271, "ppoll"}, {281, "epoll_pwait"}, {288, "accept4"}, {441, "epoll_pwait2"},
};

// The call it is in, broken off by the stop rather than about to return; -1 if it is in none.
static long interrupted_call(const registers *r) {
  long result = (long)r->rax, number = (long)r->orig_rax;
  bool broken_off = result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK || result == -EINTR;
  return number >= 0 && broken_off ? number : -1;
}
static uint64_t argument_of_call(const registers *r, int i) { return i == 0 ? r->rdi : r->rsi; }
// Where /proc/PID/syscall says the thread is, given a stop in the same call.
static bool same_pc(const registers *r, uint64_t seen) { return r->rip == seen; }

// Bytes of vector state in the standard layout, without what a signal frame does not hold unless it was asked for (AMX tiles).
static uint32_t vector_bytes(uint64_t features) {
  uint32_t most = 576; // legacy area and header
  for (unsigned i = 2; i < 63; i++) {
    if (!(features >> i & 1)) continue;
    uint32_t size, offset, c, d;
    __cpuid_count(0xd, i, size, offset, c, d);
    if (offset + size > most) most = offset + size;
  }
  return most;
}

// Builds the frame below the red zone; gives the address of its first word (where sigreturn's caller would return to) and its bytes.
static uint64_t build_frame(const registers *r, unsigned char *vector, size_t vector_length, uint64_t mask, unsigned char *out, size_t *out_bytes) {
  struct { uint64_t back; ucontext_t context; } *frame = (void *)out;
  uint64_t features = 0;
  memcpy(&features, vector + 464, 8);
  features &= ~(1ull << 18);
  uint32_t size = vector_bytes(features);
  if (size > vector_length) size = (uint32_t)vector_length;
  uint64_t state = (r->rsp - 128 - size - 4) & ~63ull;
  // 16-byte alignment at the context, as after the return from a handler
  uint64_t start = ((state - sizeof *frame - 128) & ~15ull) - 8;
  memset(out, 0, state - start);
  ucontext_t *uc = &frame->context;
  uc->uc_flags = 1 | 2 | 4; // has vector state; stack segment is valid and to be restored
  uc->uc_stack.ss_flags = 3; // no mode: the alternate stack stays what it is
  greg_t *g = uc->uc_mcontext.gregs;
  g[REG_R8] = (greg_t)r->r8, g[REG_R9] = (greg_t)r->r9, g[REG_R10] = (greg_t)r->r10, g[REG_R11] = (greg_t)r->r11;
  g[REG_R12] = (greg_t)r->r12, g[REG_R13] = (greg_t)r->r13, g[REG_R14] = (greg_t)r->r14, g[REG_R15] = (greg_t)r->r15;
  g[REG_RDI] = (greg_t)r->rdi, g[REG_RSI] = (greg_t)r->rsi, g[REG_RBP] = (greg_t)r->rbp, g[REG_RBX] = (greg_t)r->rbx;
  g[REG_RDX] = (greg_t)r->rdx, g[REG_RAX] = (greg_t)r->rax, g[REG_RCX] = (greg_t)r->rcx, g[REG_RSP] = (greg_t)r->rsp;
  g[REG_RIP] = (greg_t)r->rip, g[REG_EFL] = (greg_t)r->eflags;
  g[REG_CSGSFS] = (greg_t)((r->cs & 0xffff) | (r->ss & 0xffff) << 48);
  // What the kernel would do with the interrupted call, done by hand: only for the case that we die.
  if ((long)r->orig_rax >= 0) {
    long result = (long)r->rax;
    if (result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND) g[REG_RAX] = (greg_t)r->orig_rax, g[REG_RIP] -= 2;
    if (result == -ERESTART_RESTARTBLOCK) g[REG_RAX] = -EINTR;
  }
  uc->uc_mcontext.fpregs = (void *)state;
  memcpy(&uc->uc_sigmask, &mask, 8);
  unsigned char *vectors = out + (state - start);
  memcpy(vectors, vector, size);
  // struct _fpx_sw_bytes of asm/sigcontext.h
  uint32_t words[2] = {0x46505853u, size + 4};
  memset(vectors + 464, 0, 48);
  memcpy(vectors + 464, words, 8);
  memcpy(vectors + 472, &features, 8);
  memcpy(vectors + 480, &size, 4);
  uint32_t end = 0x46505845u;
  memcpy(vectors + size, &end, 4);
  *out_bytes = (size_t)(state - start) + size + 4;
  return start;
}

static void set_system_call(registers *r, uint64_t frame, uint64_t gadget, long number, const uint64_t a[6]) {
  r->rsp = frame;
  r->rip = gadget;
  r->rax = (uint64_t)number;
  r->orig_rax = (uint64_t)-1;
  r->rdi = a[0], r->rsi = a[1], r->rdx = a[2], r->r10 = a[3], r->r8 = a[4], r->r9 = a[5];
  r->eflags &= ~0x400ull; // direction
}
static void set_enter(registers *r, uint64_t frame, uint64_t enter, uint64_t argument) {
  r->rsp = frame + 8;
  r->rip = enter;
  r->rdi = argument;
  r->rax = 0;
  r->orig_rax = (uint64_t)-1;
  r->eflags &= ~0x400ull;
}
static void prepare_return(registers *r) { (void)r; }

#elif defined(__aarch64__)
typedef struct user_regs_struct registers;
enum { VECTOR_SET = NT_PRFPREG };
static const unsigned char GADGET[] = {0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};   // svc #0; ret
static const unsigned char RESTORER[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}; // mov x8, #139; svc #0
#define GADGET_CALL_BYTES 4
#define PC(r) ((r)->pc)
#define SP(r) ((r)->sp)
#define CALL_RESULT(r) ((long)(r)->regs[0])

static const struct { int number; const char *name; } WAITS[] = {
  {22, "epoll_pwait"}, {25, "fcntl"}, {32, "flock"}, {63, "read"}, {64, "write"}, {72, "pselect6"}, {73, "ppoll"}, {95, "waitid"}, {98, "futex"},
  {101, "nanosleep"}, {115, "clock_nanosleep"}, {128, "restart_syscall"}, {133, "rt_sigsuspend"}, {137, "rt_sigtimedwait"}, {188, "msgrcv"},
  {192, "semtimedop"}, {193, "semop"}, {202, "accept"}, {203, "connect"}, {206, "sendto"}, {207, "recvfrom"}, {211, "sendmsg"}, {212, "recvmsg"},
  {242, "accept4"}, {260, "wait4"}, {441, "epoll_pwait2"},
};

// The kernel has turned a call that is to be restarted back by one instruction before we see it.
static long interrupted_call(const registers *r) {
  uint32_t at = 0;
  bool back = read_memory(r->pc, &at, 4) && at == 0xd4000001u;
  return back || (long)r->regs[0] == -EINTR ? (long)r->regs[8] : -1;
}
static uint64_t argument_of_call(const registers *r, int i) { return r->regs[i]; }
static bool same_pc(const registers *r, uint64_t seen) { return r->pc == seen || r->pc + 4 == seen; }

// struct rt_sigframe: siginfo, ucontext; the vector state is a record inside of its reserved area.
static uint64_t build_frame(const registers *r, unsigned char *vector, size_t vector_length, uint64_t mask, unsigned char *out, size_t *out_bytes) {
  struct { unsigned char info[128]; ucontext_t context; } *frame = (void *)out;
  uint64_t start = (r->sp - sizeof *frame) & ~15ull;
  memset(frame, 0, sizeof *frame);
  ucontext_t *uc = &frame->context;
  uc->uc_stack.ss_flags = 3;
  memcpy(&uc->uc_sigmask, &mask, 8);
  memcpy(uc->uc_mcontext.regs, r->regs, sizeof r->regs);
  uc->uc_mcontext.sp = r->sp;
  uc->uc_mcontext.pc = r->pc;
  uc->uc_mcontext.pstate = r->pstate;
  // struct fpsimd_context: magic, size, fpsr, fpcr, 32 registers of 16 bytes. The register set has the registers first.
  unsigned char *record = (unsigned char *)uc->uc_mcontext.__reserved;
  uint32_t head[2] = {0x46508001u, 528};
  memcpy(record, head, 8);
  if (vector_length >= 520) {
    memcpy(record + 8, vector + 512, 8);
    memcpy(record + 16, vector, 512);
  }
  *out_bytes = sizeof *frame;
  return start;
}

static void set_system_call(registers *r, uint64_t frame, uint64_t gadget, long number, const uint64_t a[6]) {
  r->sp = frame;
  r->pc = gadget;
  r->regs[8] = (uint64_t)number;
  for (int i = 0; i < 6; i++) r->regs[i] = a[i];
}
static void set_enter(registers *r, uint64_t frame, uint64_t enter, uint64_t argument) {
  r->sp = frame;
  r->pc = enter;
  r->regs[0] = argument;
}
// The rest of a timed wait is kept in one place per thread, which is lost when the call is begun anew: EINTR instead.
static void prepare_return(registers *r) {
  uint32_t at = 0;
  long call = (long)r->regs[8];
  bool timed = call == 73 || call == 72 || call == 98 || call == 101 || call == 115 || call == 128;
  if (timed && read_memory(r->pc, &at, 4) && at == 0xd4000001u) {
    r->regs[0] = (uint64_t)-EINTR;
    r->pc += 4;
  }
}
#endif
