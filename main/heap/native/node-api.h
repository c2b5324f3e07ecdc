/*
 * The part of Node-API that module.c uses, declared here, so that building needs a C compiler and nothing else. The
 * interface is stable by promise: what Node.js 20 and Electron have of it is what every later one has
 * (nodejs.org/api/n-api.html, version 8).
 */
#ifndef HEAPHOUSE_NODE_API_H
#define HEAPHOUSE_NODE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

typedef enum { napi_ok = 0, napi_generic_failure = 9 } napi_status;
typedef enum { napi_undefined = 0, napi_null = 1, napi_bigint = 9 } napi_valuetype;
typedef enum { napi_int8_array = 0, napi_uint8_array = 1, napi_uint32_array = 6, napi_float64_array = 8 } napi_typedarray_type;

#define NAPI_AUTO_LENGTH SIZE_MAX

extern napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *values, napi_value *self, void **data);
extern napi_status napi_get_value_double(napi_env env, napi_value value, double *result);
extern napi_status napi_typeof(napi_env env, napi_value value, napi_valuetype *result);
extern napi_status napi_is_typedarray(napi_env env, napi_value value, bool *result);
extern napi_status napi_get_typedarray_info(napi_env env, napi_value array, napi_typedarray_type *type, size_t *length, void **data, napi_value *buffer, size_t *offset);
extern napi_status napi_create_double(napi_env env, double value, napi_value *result);
extern napi_status napi_create_function(napi_env env, const char *name, size_t length, napi_callback function, void *data, napi_value *result);
extern napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
extern napi_status napi_throw_type_error(napi_env env, const char *code, const char *message);
extern napi_status napi_throw_range_error(napi_env env, const char *code, const char *message);

#endif
