// Exported functions of a running process, read from its memory alone: program headers, dynamic section, hash table.
// So neither its files need to be readable, nor the same as when it started, nor in our mount namespace.
#pragma once
#include "report.h"
#include <elf.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_MODULES = 2048, MAX_DYNAMIC = 512, MAX_CHAIN = 1 << 20 };

struct module {
  uint64_t start, end, bias;
  uint64_t symbols, strings, gnu_hash, hash;
  uint64_t code_start, code_end; // the first executable mapping
  char name[64];                 // last part of the path
};

static pid_t memory_pid;
static struct module modules[MAX_MODULES];
static int module_count;
static uint64_t vdso_start, vdso_end;

static bool read_memory(uint64_t from, void *to, size_t bytes) {
  struct iovec local = {to, bytes};
  struct iovec remote = {(void *)from, bytes};
  return process_vm_readv(memory_pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

static char *read_file(const char *path, size_t most) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t room = 65536, length = 0;
  char *text = malloc(room);
  while (text && length < most) {
    if (length + 1 >= room) {
      char *more = realloc(text, room *= 2);
      if (!more) break;
      text = more;
    }
    ssize_t got = read(fd, text + length, room - length - 1);
    if (got <= 0) {
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && length == 0) {
        int error = errno;
        free(text);
        close(fd);
        errno = error;
        return NULL;
      }
      break;
    }
    length += (size_t)got;
  }
  close(fd);
  if (text) text[length] = 0;
  return text;
}

static void read_dynamic(struct module *module) {
  Elf64_Ehdr header;
  if (!read_memory(module->start, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > 64) return;
  Elf64_Phdr table[64];
  if (header.e_phoff > 1 << 20 || !read_memory(module->start + header.e_phoff, table, sizeof(Elf64_Phdr) * header.e_phnum)) return;
  const Elf64_Phdr *dynamic = NULL;
  bool placed = false;
  for (int i = 0; i < header.e_phnum; i++) {
    if (table[i].p_type == PT_LOAD && table[i].p_offset == 0) {
      module->bias = module->start - table[i].p_vaddr;
      placed = true;
    }
    if (table[i].p_type == PT_DYNAMIC) dynamic = &table[i];
  }
  if (!placed || !dynamic) return;
  Elf64_Dyn entries[MAX_DYNAMIC];
  size_t bytes = dynamic->p_memsz < sizeof entries ? dynamic->p_memsz : sizeof entries;
  if (!read_memory(module->bias + dynamic->p_vaddr, entries, bytes)) return;
  for (size_t i = 0; i < bytes / sizeof(Elf64_Dyn) && entries[i].d_tag != DT_NULL; i++) {
    uint64_t value = entries[i].d_un.d_ptr;
    // Some loaders turn these into addresses when they load, others leave them relative to the file.
    uint64_t address = value >= module->start && value < module->end ? value : value + module->bias;
    switch (entries[i].d_tag) {
      case DT_SYMTAB: module->symbols = address; break;
      case DT_STRTAB: module->strings = address; break;
      case DT_GNU_HASH: module->gnu_hash = address; break;
      case DT_HASH: module->hash = address; break;
      default: break;
    }
  }
}

static void read_modules(pid_t pid) {
  memory_pid = pid;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  char *text = read_file(path, 64u << 20);
  if (!text) fail(errno == ENOENT ? "gone" : "permission", "its memory map cannot be read (%s)", strerror(errno));
  char current[4096] = "";
  for (char *line = text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    uint64_t start, end, offset;
    char rights[5];
    int at = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %n", &start, &end, rights, &offset, &at) < 4 || at == 0) continue;
    const char *file = line + at;
    if (strcmp(file, "[vdso]") == 0) {
      vdso_start = start;
      vdso_end = end;
    }
    if (*file != '/') continue;
    bool same = module_count > 0 && strcmp(current, file) == 0;
    if (!same) {
      if (offset != 0 || module_count == MAX_MODULES) continue;
      struct module *module = &modules[module_count++];
      memset(module, 0, sizeof *module);
      module->start = start;
      const char *slash = strrchr(file, '/');
      snprintf(module->name, sizeof module->name, "%.63s", slash ? slash + 1 : file);
      snprintf(current, sizeof current, "%s", file);
    }
    struct module *module = &modules[module_count - 1];
    module->end = end;
    if (rights[2] == 'x' && module->code_end == 0) {
      module->code_start = start;
      module->code_end = end;
    }
  }
  free(text);
  for (int i = 0; i < module_count; i++) {
    read_dynamic(&modules[i]);
    if (strncmp(modules[i].name, "ld-musl", 7) == 0 || strncmp(modules[i].name, "libc.musl", 9) == 0) snprintf(report.libc, sizeof report.libc, "musl");
    if (strncmp(modules[i].name, "libc.so.6", 9) == 0 || strncmp(modules[i].name, "libc-2.", 7) == 0) snprintf(report.libc, sizeof report.libc, "glibc");
  }
}

static bool is_symbol(const struct module *module, uint32_t index, const char *name, uint64_t *address) {
  Elf64_Sym symbol;
  char found[64] = {0};
  size_t length = strlen(name) + 1;
  if (!read_memory(module->symbols + (uint64_t)index * sizeof symbol, &symbol, sizeof symbol)) return false;
  if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) return false;
  if (!read_memory(module->strings + symbol.st_name, found, length) || memcmp(found, name, length) != 0) return false;
  *address = module->bias + symbol.st_value;
  return true;
}

static uint64_t find_in(const struct module *module, const char *name) {
  uint64_t address = 0;
  if (!module->symbols || !module->strings) return 0;
  if (module->gnu_hash) {
    uint32_t head[4]; // buckets, first symbol, words of the filter, shift
    if (!read_memory(module->gnu_hash, head, sizeof head) || head[0] == 0) return 0;
    uint32_t hash = 5381;
    for (const char *at = name; *at; at++) hash = hash * 33 + (unsigned char)*at;
    uint64_t buckets = module->gnu_hash + 16 + (uint64_t)head[2] * 8;
    uint64_t chains = buckets + (uint64_t)head[0] * 4;
    uint32_t index;
    if (!read_memory(buckets + (uint64_t)(hash % head[0]) * 4, &index, 4) || index < head[1]) return 0;
    for (int i = 0; i < MAX_CHAIN; i++, index++) {
      uint32_t other;
      if (!read_memory(chains + (uint64_t)(index - head[1]) * 4, &other, 4)) return 0;
      if ((other | 1) == (hash | 1) && is_symbol(module, index, name, &address)) return address;
      if (other & 1) return 0;
    }
    return 0;
  }
  if (module->hash) {
    uint32_t head[2]; // buckets, chains
    if (!read_memory(module->hash, head, sizeof head) || head[0] == 0) return 0;
    uint32_t hash = 0;
    for (const char *at = name; *at; at++) {
      hash = (hash << 4) + (unsigned char)*at;
      hash ^= (hash >> 24) & 0xf0;
    }
    hash &= 0x0fffffff;
    uint32_t index;
    if (!read_memory(module->hash + 8 + (uint64_t)(hash % head[0]) * 4, &index, 4)) return 0;
    for (int i = 0; i < MAX_CHAIN && index != 0; i++) {
      if (is_symbol(module, index, name, &address)) return address;
      if (!read_memory(module->hash + 8 + ((uint64_t)head[0] + index) * 4, &index, 4)) return 0;
    }
  }
  return 0;
}

// Where a function is, and in which module: null and 0 when nobody exports it.
static struct module *find_module(const char *name, uint64_t *address) {
  for (int i = 0; i < module_count; i++) {
    *address = find_in(&modules[i], name);
    if (*address) return &modules[i];
  }
  return NULL;
}

static uint64_t find_function(const char *name) {
  uint64_t address = 0;
  find_module(name, &address);
  return address;
}

// First place of `bytes` in the given code, or 0.
static uint64_t find_bytes(uint64_t from, uint64_t to, const void *bytes, size_t length) {
  enum { CHUNK = 65536 };
  static unsigned char buffer[CHUNK];
  for (uint64_t at = from; at < to; at += CHUNK - 64) {
    size_t want = to - at < CHUNK ? (size_t)(to - at) : CHUNK;
    if (!read_memory(at, buffer, want)) continue;
    unsigned char *hit = memmem(buffer, want, bytes, length);
    if (hit) return at + (uint64_t)(hit - buffer);
  }
  return 0;
}
