// What runs inside the target: machine code copied from here into a page of its own, and the page of data beside it.
// Nothing in here may refer to anything outside of the section but through the pointers in `struct shared`: no library,
// no constants in other sections, no stack protector.
//
// The code takes itself out again: its last act is a jump into the target's munmap for both pages, so a call that comes
// by late, or after we are gone, leaves nothing behind either.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MODE_PENDING = 1, MODE_THREAD = 2 };
enum { RESULT_NONE = -1000, RESULT_NOT_READY = -1001, RESULT_FINISHING = -1002 };

struct shared {
  // The first four have fixed places: assembler reads them.
  uint64_t old_mask;                                  // at 0
  int (*munmap)(void *, unsigned long);               // at 8
  void *base;                                         // at 16
  unsigned long length;                               // at 24
  int (*is_initialized)(void);
  int (*is_finalizing)(void);                         // null where it is not exported
  int (*add_pending)(int (*)(void *), void *);
  int (*run)(const char *);
  int (*ensure)(void);
  void (*release)(int);
  int (*pthread_create)(unsigned long *, const void *, void *(*)(void *), void *);
  int (*pthread_detach)(unsigned long);
  unsigned long (*pthread_self)(void);
  int (*pending_entry)(void *);
  void *(*thread_entry)(void *);
  const char *code;
  unsigned long thread;
  int mode;
  volatile int result;
  volatile int left;                                  // the entered thread is out of here
};

#define PAYLOAD __attribute__((section("payload"), used, noinline))

#if defined(__x86_64__)
static inline __attribute__((always_inline)) long raw_call4(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
enum { NR_SIGPROCMASK = 14, NR_SIGRETURN = 15, NR_NANOSLEEP = 35, NR_MMAP = 9, NR_MUNMAP = 11 };
#elif defined(__aarch64__)
static inline __attribute__((always_inline)) long raw_call4(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
enum { NR_SIGPROCMASK = 135, NR_SIGRETURN = 139, NR_NANOSLEEP = 101, NR_MMAP = 222, NR_MUNMAP = 215 };
#else
#error "only x86-64 and aarch64"
#endif

// At the interpreter's next safe point, on the main thread, with its lock.
PAYLOAD void payload_pending_body(struct shared *shared) { shared->run(shared->code); }

// On a thread of its own, all signals blocked: they are the program's.
PAYLOAD void payload_thread_body(struct shared *shared) {
  shared->pthread_detach(shared->pthread_self());
  int state = shared->ensure();
  shared->run(shared->code);
  shared->release(state);
  // The thread that started us may still be on its way out of the page; it says so. A second is for the case that the
  // tracer died before it could: then that thread has left by itself long since.
  for (int i = 0; i < 5000 && !shared->left; i++) {
    volatile long pause[2]; // volatile: no constant to load from elsewhere
    pause[0] = 0;
    pause[1] = 200000;
    raw_call4(NR_NANOSLEEP, (long)pause, 0, 0, 0);
  }
}

// On the stopped thread, wherever it was: takes no lock of malloc, of the loader or of the interpreter.
PAYLOAD void payload_launch(struct shared *shared) {
  if (!shared->is_initialized()) {
    shared->result = RESULT_NOT_READY;
    return;
  }
  if (shared->is_finalizing && shared->is_finalizing()) {
    shared->result = RESULT_FINISHING;
    return;
  }
  if (shared->mode == MODE_PENDING) {
    shared->result = shared->add_pending(shared->pending_entry, shared);
    return;
  }
  uint64_t all = ~0ull;
  raw_call4(NR_SIGPROCMASK, 0 /* SIG_BLOCK */, (long)&all, 0, 8);
  shared->result = shared->pthread_create(&shared->thread, 0, shared->thread_entry, shared);
}

// payload_enter: with the shared data in the first argument and a signal frame on the stack. Calls the launcher, restores
// the signal mask, and there the tracer puts the thread back where it was. If there is no tracer any more, the thread
// goes on to sigreturn, which does the same from the frame.
//
// payload_pending and payload_thread: the body, and then a jump into munmap, whose 0 is what both have to return.
#if defined(__x86_64__)
#define LEAVING(name)                                                            \
  ".globl " name "\n.hidden " name "\n" name ":\n"                               \
  "  push %rbx\n  mov %rdi, %rbx\n  call " name "_body\n"                        \
  "  mov 16(%rbx), %rdi\n  mov 24(%rbx), %rsi\n  mov 8(%rbx), %rax\n"            \
  "  pop %rbx\n  jmp *%rax\n"
__asm__(".pushsection payload,\"ax\",@progbits\n"
        ".globl payload_enter\n.hidden payload_enter\npayload_enter:\n"
        "  mov %rdi, %rbx\n"
        "  call payload_launch\n"
        "  mov $2, %edi\n  mov %rbx, %rsi\n  xor %edx, %edx\n  mov $8, %r10d\n"
        "  mov $14, %eax\n  syscall\n"
        ".globl payload_marker\n.hidden payload_marker\npayload_marker:\n"
        "  mov $15, %eax\n  syscall\n  ud2\n"
        LEAVING("payload_pending") LEAVING("payload_thread")
        ".popsection\n");
#else
#define LEAVING(name)                                                            \
  ".globl " name "\n.hidden " name "\n" name ":\n"                               \
  "  stp x29, x30, [sp, #-32]!\n  str x19, [sp, #16]\n"                          \
  "  mov x19, x0\n  bl " name "_body\n"                                          \
  "  ldr x0, [x19, #16]\n  ldr x1, [x19, #24]\n  ldr x16, [x19, #8]\n"           \
  "  ldr x19, [sp, #16]\n  ldp x29, x30, [sp], #32\n  br x16\n"
__asm__(".pushsection payload,\"ax\",@progbits\n.balign 4\n"
        ".globl payload_enter\n.hidden payload_enter\npayload_enter:\n"
        "  mov x19, x0\n"
        "  bl payload_launch\n"
        "  mov x0, #2\n  mov x1, x19\n  mov x2, #0\n  mov x3, #8\n"
        "  mov x8, #135\n  svc #0\n"
        ".globl payload_marker\n.hidden payload_marker\npayload_marker:\n"
        "  mov x8, #139\n  svc #0\n  brk #0\n"
        LEAVING("payload_pending") LEAVING("payload_thread")
        ".popsection\n");
#endif
extern const char payload_enter[], payload_marker[], payload_pending[], payload_thread[];
extern const char __start_payload[], __stop_payload[];
_Static_assert(offsetof(struct shared, old_mask) == 0 && offsetof(struct shared, munmap) == 8, "read by assembler");
_Static_assert(offsetof(struct shared, base) == 16 && offsetof(struct shared, length) == 24, "read by assembler");
