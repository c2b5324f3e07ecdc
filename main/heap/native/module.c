/* The module: hands arrays and numbers to the loops. Node-API only, so one file serves every Node.js and Electron. */
#include "engine.h"
#include "node-api.h"

static napi_value refuse(napi_env env, const char *what) {
  napi_throw_type_error(env, NULL, what);
  return NULL;
}

static int wanted(char format, napi_typedarray_type type) {
  switch (format) {
    case 'b': return type == napi_uint8_array;
    case 'w': return type == napi_uint32_array;
    case 'f': return type == napi_float64_array;
    case 'c': return type == napi_uint32_array || type == napi_float64_array;
    default: return 0;
  }
}

static napi_value call(napi_env env, napi_callback_info info) {
  size_t count = MAX_ARGUMENTS;
  napi_value values[MAX_ARGUMENTS];
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, values, NULL, &data) != napi_ok) return NULL;
  const Entry *entry = data;
  Argument args[MAX_ARGUMENTS];
  size_t at = 0;
  for (const char *format = entry->format; *format != 0; format++, at++) {
    if (at >= count || at >= MAX_ARGUMENTS) return refuse(env, "too few arguments");
    Argument *arg = &args[at];
    *arg = (Argument){0};
    if (*format == 'n') {
      if (napi_get_value_double(env, values[at], &arg->number) != napi_ok) return refuse(env, "a number was expected");
      continue;
    }
    char kind = *format;
    if (kind < 'a') {
      napi_valuetype type;
      if (napi_typeof(env, values[at], &type) != napi_ok) return NULL;
      if (type == napi_null) continue;
      kind = (char)(kind | 0x20);
    }
    napi_typedarray_type type;
    bool is_array = false;
    if (napi_is_typedarray(env, values[at], &is_array) != napi_ok || !is_array ||
        napi_get_typedarray_info(env, values[at], &type, &arg->length, &arg->data, NULL, NULL) != napi_ok ||
        !wanted(kind, type)) {
      return refuse(env, "an array of another type was expected");
    }
    arg->wide = type == napi_float64_array;
  }
  const char *error = NULL;
  double result = entry->loop(args, &error);
  if (error) {
    napi_throw_range_error(env, NULL, error);
    return NULL;
  }
  napi_value returned;
  return napi_create_double(env, result, &returned) == napi_ok ? returned : NULL;
}

static napi_status add(napi_env env, napi_value exports, const Entry *entries) {
  for (const Entry *entry = entries; entry->name; entry++) {
    napi_value function;
    napi_status status = napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, call, (void *)entry, &function);
    if (status == napi_ok) status = napi_set_named_property(env, exports, entry->name, function);
    if (status != napi_ok) return status;
  }
  return napi_ok;
}

/* What Node.js looks for in a library that it loads, once for each thread. */
__attribute__((visibility("default"))) int32_t node_api_module_get_api_version_v1(void) { return 8; }

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  const Entry *const parts[] = {READING, GRAPH, SEARCH, TREE, DISTANCES, CLASSES, COMPARISON, TEXT};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (add(env, exports, parts[i]) != napi_ok) return NULL;
  }
  return exports;
}
